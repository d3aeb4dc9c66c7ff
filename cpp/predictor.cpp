#include "predictor.h"

#include <cstddef>
#include <cstdint>

namespace py = pybind11;

namespace nnfast {
namespace {

struct Predictor {
    PyObject_HEAD PyObject*
        network;           // owns what `forward` points to; null where predict_rows does all
    PyObject* parameters;  // owns `numbers`
    RowForward* forward;
    const void* numbers;
};

constexpr int ready_flags =
    py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
constexpr int own_flags = ready_flags | py::detail::npy_api::NPY_ARRAY_WRITEABLE_;

// Arrays are taken as they are or not at all: this dtype, (few rows, inputs), in one piece.
bool fits(const RowForward& forward, PyObject* x) {
    if (Py_TYPE(x) != py::detail::npy_api::get().PyArray_Type_) return false;
    const auto* array = py::detail::array_proxy(x);
    const auto* given = py::detail::array_descriptor_proxy(array->descr);
    const auto* own = py::detail::array_descriptor_proxy(forward.dtype.ptr());
    // an array that was unpickled has a dtype object of its own
    return given->type_num == own->type_num && given->byteorder == own->byteorder &&
           array->nd == 2 && (array->flags & ready_flags) == ready_flags &&
           array->dimensions[0] > 0 &&
           static_cast<size_t>(array->dimensions[0]) <= forward.most_rows &&
           static_cast<size_t>(array->dimensions[1]) == forward.inputs;
}

// The memory of small results. To give an array memory of its own, NumPy looks up its allocator,
// which takes a seventh of a small prediction: so many of them are views into one block, that lives
// as long as any.
constexpr size_t small_bytes = 64, block_bytes = 1024;

struct Block {
    PyObject* owner = nullptr;  // a capsule
    char* next = nullptr;
    size_t left = 0;

    bool renew() {
        void* memory = PyMem_RawMalloc(block_bytes);
        if (!memory) return PyErr_NoMemory(), false;
        PyObject* capsule = PyCapsule_New(memory, nullptr, [](PyObject* object) {
            PyMem_RawFree(PyCapsule_GetPointer(object, nullptr));
        });
        if (!capsule) return PyMem_RawFree(memory), false;
        Py_XDECREF(owner);
        owner = capsule;
        next = static_cast<char*>(memory);
        left = block_bytes;
        return true;
    }
};

// A new array (rows, columns) in C order, or null with an exception
PyObject* new_array(const py::dtype& dtype, Py_intptr_t rows, Py_intptr_t columns) {
    static Block block;
    const auto& numpy = py::detail::npy_api::get();
    const Py_intptr_t shape[] = {rows, columns};
    const auto make = [&](void* memory) {
        Py_INCREF(dtype.ptr());  // the next call keeps it
        return numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, dtype.ptr(), 2, shape, nullptr,
                                           memory, memory ? own_flags : 0, nullptr);
    };
    const auto bytes = static_cast<size_t>(rows * columns * dtype.itemsize());
    if (bytes > small_bytes) return make(nullptr);
    const size_t taken = (bytes + 15) / 16 * 16;
    if (block.left < taken && !block.renew()) return nullptr;
    PyObject* array = make(block.next);
    if (!array) return nullptr;
    Py_INCREF(block.owner);  // the next call keeps it
    if (numpy.PyArray_SetBaseObject_(array, block.owner) < 0) return Py_DECREF(array), nullptr;
    block.next += taken;
    block.left -= taken;
    return array;
}

// The outputs, a new array; null without an exception where Python has to look at x.
PyObject* predict_at_once(const Predictor& self, PyObject* x) {
    RowForward& forward = *self.forward;
    const auto* array = py::detail::array_proxy(x);
    const Py_intptr_t rows = array->dimensions[0];
    PyObject* result = new_array(forward.dtype, rows, static_cast<Py_intptr_t>(forward.outputs));
    if (!result) return nullptr;
    if (forward.forward_rows(self.numbers, array->data, static_cast<size_t>(rows),
                             py::detail::array_proxy(result)->data))
        return result;
    Py_DECREF(result);
    return nullptr;
}

PyObject* predict(PyObject* object, PyObject* const* arguments, Py_ssize_t count,
                  PyObject* keywords) {
    const auto& self = *reinterpret_cast<Predictor*>(object);
    if (self.forward && count == 1 && !keywords && fits(*self.forward, arguments[0])) {
        PyObject* result = predict_at_once(self, arguments[0]);
        if (result || PyErr_Occurred()) return result;
    }
    PyObject* method = PyObject_GetAttrString(object, "_predict");
    if (!method) return nullptr;
    PyObject* result = PyObject_Vectorcall(method, arguments, static_cast<size_t>(count), keywords);
    Py_DECREF(method);
    return result;
}

int traverse(PyObject* object, visitproc visit, void* arg) {
    auto& self = *reinterpret_cast<Predictor*>(object);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self.network);
    Py_VISIT(self.parameters);
    return 0;
}

int clear(PyObject* object) {
    auto& self = *reinterpret_cast<Predictor*>(object);
    self.forward = nullptr;
    Py_CLEAR(self.network);
    Py_CLEAR(self.parameters);
    return 0;
}

void deallocate(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"predict", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(predict)),
     METH_FASTCALL | METH_KEYWORDS,
     "predict($self, X)\n--\n\n"
     "Outputs of the last layer, (n, outputs), for inputs X (n, inputs), in the network's "
     "dtype.\n\n"
     "Raises ValueError for a wrong shape, NaN or infinity, TypeError for what is not numbers."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
                       {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(clear)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};

PyType_Spec spec = {"nnfast._core.Predictor", sizeof(Predictor), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

RowForward* (*find_forward)(py::handle network);

// From now on predict computes with this network on these parameters, and with _predict alone
// where the network is None.
void bind(const py::handle& predictor, const py::object& network, const py::array& parameters) {
    auto& self = *reinterpret_cast<Predictor*>(predictor.ptr());
    clear(predictor.ptr());
    if (network.is_none()) return;
    RowForward* forward = find_forward(network);
    if (!parameters.dtype().equal(forward->dtype))
        throw py::value_error("the parameters are not of the network's dtype");
    self.network = network.inc_ref().ptr();
    self.parameters = parameters.inc_ref().ptr();
    self.numbers = parameters.data();
    self.forward = forward;
}

}  // namespace

void add_predictor(py::module_& m, RowForward* (*find)(py::handle network)) {
    find_forward = find;
    const auto type = py::reinterpret_steal<py::object>(PyType_FromSpec(&spec));
    if (!type) throw py::error_already_set();
    m.attr("Predictor") = type;
    m.def(
        "bind",
        [type](const py::object& predictor, const py::object& network,
               const py::array& parameters) {
            if (!py::isinstance(predictor, type)) throw py::type_error("not a Predictor");
            bind(predictor, network, parameters);
        },
        py::arg("predictor"), py::arg("network"), py::arg("parameters"));
}

}  // namespace nnfast
