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

// Arrays are taken as they are or not at all: this dtype, (few rows, inputs), in one piece.
bool fits(const RowForward& forward, PyObject* x) {
    if (Py_TYPE(x) != py::detail::npy_api::get().PyArray_Type_) return false;
    const auto* array = py::detail::array_proxy(x);
    constexpr int flags =
        py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    const auto* given = py::detail::array_descriptor_proxy(array->descr);
    const auto* own = py::detail::array_descriptor_proxy(forward.dtype.ptr());
    // an array that was unpickled has a dtype object of its own
    return given->type_num == own->type_num && given->byteorder == own->byteorder &&
           array->nd == 2 && (array->flags & flags) == flags && array->dimensions[0] > 0 &&
           static_cast<size_t>(array->dimensions[0]) <= forward.most_rows &&
           static_cast<size_t>(array->dimensions[1]) == forward.inputs;
}

// The outputs, a new array; null without an exception where Python has to look at x.
PyObject* predict_at_once(const Predictor& self, PyObject* x) {
    RowForward& forward = *self.forward;
    const auto* array = py::detail::array_proxy(x);
    const auto& numpy = py::detail::npy_api::get();
    const Py_intptr_t shape[] = {array->dimensions[0], static_cast<Py_intptr_t>(forward.outputs)};
    Py_INCREF(forward.dtype.ptr());  // the next call keeps it
    PyObject* result = numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, forward.dtype.ptr(), 2,
                                                   shape, nullptr, nullptr, 0, nullptr);
    if (!result) return nullptr;
    if (forward.forward_rows(self.numbers, array->data, static_cast<size_t>(shape[0]),
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
