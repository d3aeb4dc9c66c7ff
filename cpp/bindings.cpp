// The only file that knows Python: checks what memory safety needs, and hands over.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <thread>
#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

#include "forward.h"
#include "jacobian.h"
#include "minimise.h"
#include "predictor.h"
#include "train.h"

namespace py = pybind11;
using namespace nnfast;

namespace {

const InstructionSet& instruction_set(const std::string& level) {
    size_t count;
    const InstructionSet* sets = instruction_sets(count);
    for (size_t i = 0; i < count; ++i)
        if (level == sets[i].name && sets[i].supported) return sets[i];
    throw py::value_error("this processor has no level '" + level + "'");
}

int position(const Names& names, const std::string& name) {
    for (size_t i = 0; i < names.count; ++i)
        if (name == names.list[i]) return static_cast<int>(i);
    throw py::value_error("the compiled core has no '" + name + "'");
}

const Kernels<float>& kernels_of(const KernelSet& set, float) {
    return set.f32;
}
const Kernels<double>& kernels_of(const KernelSet& set, double) {
    return set.f64;
}

// The numbers of an array of this shape; the Python side has made it so, memory safety asks again.
template <class T>
T* numbers(const py::array& array, std::initializer_list<size_t> shape, bool writable) {
    bool fits = py::isinstance<py::array_t<T>>(array) &&
                array.ndim() == static_cast<py::ssize_t>(shape.size()) &&
                (array.flags() & py::array::c_style) &&
                reinterpret_cast<uintptr_t>(array.data()) % alignof(T) == 0 &&
                (!writable || array.writeable());
    fits = fits && std::equal(shape.begin(), shape.end(), array.shape(), [](size_t n, auto given) {
               return static_cast<py::ssize_t>(n) == given;
           });
    if (!fits)
        throw py::value_error(
            "the compiled core takes C-contiguous, aligned arrays of its dtype and "
            "shape");
    return static_cast<T*>(const_cast<void*>(array.data()));
}

// The attributes of a TrainingState and a Control: texts would be hashed anew at every access.
struct AttributeNames {
    static py::handle interned(const char* name) { return PyUnicode_InternFromString(name); }
    const py::handle slots = interned("slots"), scalars = interned("scalars"),
                     step = interned("step"), shuffle = interned("shuffle"),
                     noise = interned("noise"), rates = interned("rates"),
                     factors = interned("factors"), clip_value = interned("clip_value"),
                     clip_norm = interned("clip_norm");
};

const AttributeNames& names() {
    static const AttributeNames names;
    return names;
}

// Takes the interpreter lock again. Before Python 3.14 the end of the interpreter unwinds a thread
// that asks for it, and destructors would touch objects without the lock: the thread waits for the
// end of the process instead, as it does in later versions.
void lock_again(PyThreadState* thread) {
#ifdef __GLIBCXX__
    try {
        PyEval_RestoreThread(thread);
    } catch (abi::__forced_unwind&) {
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
#else
    PyEval_RestoreThread(thread);
#endif
}

// job() without the interpreter lock
template <class Job>
void unlocked(const Job& job) {
    PyThreadState* thread = PyEval_SaveThread();
    try {
        job();
    } catch (...) {
        lock_again(thread);
        throw;
    }
    lock_again(thread);
}

// True when a signal's handler, such as that of Ctrl-C, has raised an exception.
bool signalled() {
    py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

bool never() {
    return false;
}

template <class T>
class CompiledNetwork : public RowForward {
public:
    CompiledNetwork(const std::string& level, const std::vector<size_t>& sizes,
                    const std::vector<std::string>& activations, const std::vector<bool>& biases,
                    const std::string& loss,
                    const std::vector<std::array<double, 4>>& regularization,
                    const std::array<double, 2>& input_noise)
        : network_(make(instruction_set(level), sizes, activations, biases, loss)),
          room_(network_.flat_room()) {
        inputs = network_.layers.front().inputs;
        outputs = network_.layers.back().outputs;
        // more go faster through `forward`, which first copies all weights
        most_rows = 4;
        dtype = py::dtype::of<T>();
        if (!regularization.empty() && regularization.size() != network_.layers.size())
            throw py::value_error("regularization and layers do not belong together");
        for (const auto& [l1, l2, dropout, max_norm] : regularization)
            network_.regularization.push_back({l1, l2, dropout, max_norm});
        network_.input_noise = {input_noise[0], input_noise[1]};
    }

    // The interpreter lock is held, so that nobody else uses the room.
    bool forward_rows(const void* parameters, const void* x, size_t rows, void* y) override {
        return network_.forward_rows(static_cast<const T*>(parameters), static_cast<const T*>(x),
                                     rows, room_.get(), static_cast<T*>(y));
    }

    py::array_t<T> forward(const py::array& parameters, const py::array& x, size_t threads) const {
        const size_t rows = count_rows(x);
        const T* p = numbers<T>(parameters, {network_.parameter_count}, false);
        const T* data = numbers<T>(x, {rows, inputs}, false);
        py::array_t<T> result({rows, outputs});
        T* result_data = result.mutable_data();
        without_gil(p, rows, [&](const T* weights) {
            nnfast::forward(network_, weights, data, rows, result_data, threads);
        });
        return result;
    }

    double loss(const py::array& parameters, const py::array& x, const py::array& y,
                const std::optional<py::array>& weights, size_t threads) const {
        const T* p = numbers<T>(parameters, {network_.parameter_count}, false);
        const Data<T> data = make_data(x, y, weights);
        double loss = 0;
        without_gil(p, data.rows,
                    [&](const T* own) { loss = Objective<T>(network_, data, threads).loss(own); });
        return loss;
    }

    py::tuple loss_and_gradient(const py::array& parameters, const py::array& x, const py::array& y,
                                const std::optional<py::array>& weights, size_t threads) const {
        const T* p = numbers<T>(parameters, {network_.parameter_count}, false);
        const Data<T> data = make_data(x, y, weights);
        py::array_t<T> gradient(static_cast<py::ssize_t>(network_.parameter_count));
        T* gradient_data = gradient.mutable_data();
        double loss = 0;
        without_gil(p, data.rows, [&](const T* own) {
            loss = Objective<T>(network_, data, threads)(own, gradient_data);
        });
        return py::make_tuple(loss, gradient);
    }

    // The losses, and whether they and the parameters are finite; if not, nothing has changed.
    // `state` has the attributes of nnfast.levels.contract.TrainingState, `control` those of
    // Control. Signals reach Python in its main thread only: elsewhere nothing is `interruptible`.
    py::tuple train(const py::array& parameters, const py::object& state, const py::array& x,
                    const py::array& y, const std::optional<py::array>& weights, size_t epochs,
                    size_t batch_size, const std::string& optimizer,
                    const std::vector<double>& hyperparameters, bool shuffle,
                    const py::object& control, size_t threads, bool interruptible) const {
        T* p = numbers<T>(parameters, {network_.parameter_count}, true);
        const auto slots = state.attr(names().slots).cast<py::array>();
        const Optimizer chosen{optimizer.c_str(), hyperparameters.data(), hyperparameters.size()};
        const int found =
            network_.kernels.find_optimizer(chosen.name, chosen.hyperparameters, chosen.count);
        if (found < 0 || batch_size == 0)
            throw py::value_error("unknown optimizer '" + optimizer + "' or empty batches");
        T* s = numbers<T>(slots, {network_.kernels.slots(found), network_.parameter_count}, true);
        const Data<T> data = make_data(x, y, weights);
        py::array_t<double> losses(static_cast<py::ssize_t>(epochs));
        double* losses_data = losses.mutable_data();

        const size_t updates = (data.rows + batch_size - 1) / batch_size * epochs;
        Trainer<T> trainer(network_, chosen, make_control(control, updates), data, batch_size, p,
                           s);
        trainer.step = state.attr(names().step).cast<uint64_t>();
        trainer.shuffle_state = state.attr(names().shuffle).cast<uint64_t>();
        trainer.noise_seed = state.attr(names().noise).cast<uint64_t>();
        unlocked([&] {
            trainer.run(epochs, shuffle, threads, losses_data, interruptible ? signalled : never);
        });
        const bool interrupted = PyErr_Occurred() != nullptr;  // then losses are missing
        const auto is_finite = [](double loss) { return std::isfinite(loss); };
        const bool finite =
            (interrupted || std::all_of(losses_data, losses_data + epochs, is_finite)) &&
            trainer.finish(p, s);
        if (finite) {
            py::error_scope pending;
            state.attr(names().step) = trainer.step;
            state.attr(names().shuffle) = trainer.shuffle_state;
        }
        if (interrupted) throw py::error_already_set();
        return py::make_tuple(losses, finite);
    }

    // d outputs / d parameters, (rows, outputs, parameters)
    py::array_t<T> jacobian(const py::array& parameters, const py::array& x, size_t threads) const {
        const size_t rows = count_rows(x), count = network_.parameter_count;
        const T* p = numbers<T>(parameters, {count}, false);
        const T* data = numbers<T>(x, {rows, inputs}, false);
        py::array_t<T> result({rows, outputs, count});
        T* result_data = result.mutable_data();
        without_gil(p, rows * outputs, [&](const T* weights) {
            nnfast::jacobian(network_, weights, data, rows, threads, result_data);
        });
        return result;
    }

    // Runs a batch method, of double networks only; `state` as for `train`, with scalars. Returns
    // the losses and the reason to stop. single: see Descent
    py::tuple minimise(const py::array& parameters, const py::object& state, const py::array& x,
                       const py::array& y, const std::optional<py::array>& weights,
                       const std::optional<py::array>& factors, const std::string& name,
                       const Vector& settings, size_t iterations, bool single, size_t threads,
                       bool interruptible) const {
        const size_t count = network_.parameter_count;
        double* p = numbers<double>(parameters, {count}, true);
        const Method method{name, settings};
        const auto kind = find_method(method);
        if (!kind) throw py::value_error("unknown method '" + name + "' or number of settings");
        const auto slots = state.attr(names().slots).cast<py::array>();
        const auto scalars = state.attr(names().scalars).cast<py::array>();
        MethodState method_state{numbers<double>(slots, {kind->slots, count}, true),
                                 numbers<double>(scalars, {kind->scalars}, true),
                                 state.attr(names().step).cast<uint64_t>()};
        const Data<double> data = make_data(x, y, weights);
        const double* factors_data = factors ? numbers<double>(*factors, {count}, false) : nullptr;
        Vector losses(iterations);
        Outcome outcome{};
        unlocked([&] {
            const std::function<bool()> interrupted = interruptible ? signalled : never;
            Watch watch(interrupted);
            Objective<double> objective(network_, data, threads, &watch);
            outcome = nnfast::minimise(objective, method, p, method_state, factors_data, single,
                                       iterations, losses.data());
        });
        {
            py::error_scope pending;
            state.attr(names().step) = method_state.step;
        }
        if (PyErr_Occurred()) throw py::error_already_set();
        losses.resize(outcome.iterations);
        return py::make_tuple(losses, outcome.reason);
    }

private:
    // job(parameters), without the interpreter lock where it is long enough; on a copy, for another
    // thread may then train the network
    template <class Job>
    void without_gil(const T* parameters, size_t rows, const Job& job) const {
        if (rows * network_.work() < 100'000) return job(parameters);
        const std::vector<T> copy(parameters, parameters + network_.parameter_count);
        unlocked([&] { job(copy.data()); });
    }

    static Network<T> make(const InstructionSet& instructions, const std::vector<size_t>& sizes,
                           const std::vector<std::string>& activations,
                           const std::vector<bool>& biases, const std::string& loss) {
        if (sizes.size() < 2 || activations.size() + 1 != sizes.size() ||
            biases.size() + 1 != sizes.size())
            throw py::value_error("sizes, activations and biases do not belong together");
        for (const size_t size : sizes)
            if (size == 0) throw py::value_error("a layer has no units");
        const KernelSet& set = *instructions.kernels;
        const KernelSet* narrower = instructions.narrower;
        std::vector<int> positions;
        for (const auto& name : activations) positions.push_back(position(set.activations, name));
        return Network<T>(kernels_of(set, T()), narrower ? &kernels_of(*narrower, T()) : nullptr,
                          sizes, positions, biases, position(set.losses, loss));
    }

    static size_t count_rows(const py::array& x) {
        if (x.ndim() != 2 || x.shape(0) == 0) throw py::value_error("x has no rows");
        return static_cast<size_t>(x.shape(0));
    }

    Data<T> make_data(const py::array& x, const py::array& y,
                      const std::optional<py::array>& weights) const {
        const size_t rows = count_rows(x);
        if (rows > UINT32_MAX) throw py::value_error("more than 4,294,967,295 rows");
        return {numbers<T>(x, {rows, inputs}, false), numbers<T>(y, {rows, outputs}, false),
                weights ? numbers<T>(*weights, {rows}, false) : nullptr, rows};
    }

    Control<T> make_control(const py::object& control, size_t updates) const {
        const py::object rates = control.attr(names().rates),
                         factors = control.attr(names().factors);
        const auto array = [](const py::object& object) { return object.cast<py::array>(); };
        return {rates.is_none() ? nullptr : numbers<double>(array(rates), {updates}, false),
                control.attr(names().clip_value).cast<double>(),
                control.attr(names().clip_norm).cast<double>(),
                factors.is_none() ? nullptr
                                  : numbers<T>(array(factors), {network_.parameter_count}, false)};
    }

    Network<T> network_;
    Buffer<T> room_;
};

RowForward* find_forward(py::handle network) {
    if (py::isinstance<CompiledNetwork<float>>(network))
        return network.cast<CompiledNetwork<float>*>();
    return network.cast<CompiledNetwork<double>*>();
}

template <class T>
void bind_network(py::module_& m, const char* name) {
    using N = CompiledNetwork<T>;
    py::class_<N> network(m, name, "Internal; use nnfast.Network.");
    network
        .def(py::init<const std::string&, const std::vector<size_t>&,
                      const std::vector<std::string>&, const std::vector<bool>&, const std::string&,
                      const std::vector<std::array<double, 4>>&, const std::array<double, 2>&>(),
             py::arg("level"), py::arg("sizes"), py::arg("activations"), py::arg("biases"),
             py::arg("loss"), py::arg("regularization") = py::list(),
             py::arg("input_noise") = py::make_tuple(0.0, 0.0))
        .def("forward", &N::forward, py::arg("parameters"), py::arg("x"), py::arg("threads"))
        .def("loss", &N::loss, py::arg("parameters"), py::arg("x"), py::arg("y"),
             py::arg("weights"), py::arg("threads"))
        .def("loss_and_gradient", &N::loss_and_gradient, py::arg("parameters"), py::arg("x"),
             py::arg("y"), py::arg("weights"), py::arg("threads"))
        .def("train", &N::train, py::arg("parameters"), py::arg("state"), py::arg("x"),
             py::arg("y"), py::arg("weights"), py::arg("epochs"), py::arg("batch_size"),
             py::arg("optimizer"), py::arg("hyperparameters"), py::arg("shuffle"),
             py::arg("control"), py::arg("threads"), py::arg("interruptible") = true)
        .def("jacobian", &N::jacobian, py::arg("parameters"), py::arg("x"), py::arg("threads"));
    if constexpr (std::is_same_v<T, double>)
        network.def("minimise", &N::minimise, py::arg("parameters"), py::arg("state"), py::arg("x"),
                    py::arg("y"), py::arg("weights"), py::arg("factors"), py::arg("method"),
                    py::arg("settings"), py::arg("iterations"), py::arg("single"),
                    py::arg("threads"), py::arg("interruptible") = true);
}

py::dict compiled_levels() {
    py::dict levels;
    size_t count;
    const InstructionSet* sets = instruction_sets(count);
    for (size_t i = 0; i < count; ++i) levels[sets[i].name] = sets[i].supported;
    return levels;
}

py::dict formulas(const std::string& level) {
    const KernelSet& set = *instruction_set(level).kernels;
    const auto list = [](const Names& names) {
        return std::vector<std::string>(names.list, names.list + names.count);
    };
    py::dict result;
    result["activations"] = list(set.activations);
    result["losses"] = list(set.losses);
    result["optimizers"] = list(set.optimizers);
    result["functions"] = list(set.functions);
    return result;
}

template <class T>
py::array_t<T> evaluate(const KernelSet& set, int function, const py::array_t<T>& x) {
    py::array_t<T> y(x.size());
    kernels_of(set, T()).evaluate(function, static_cast<size_t>(x.size()), x.data(),
                                  y.mutable_data());
    return y;
}

// f(x) of an array as this level computes it: for the tests of accuracy
py::array evaluate_function(const std::string& level, const std::string& function,
                            const py::array& x) {
    const KernelSet& set = *instruction_set(level).kernels;
    const int f = position(set.functions, function);
    const auto count = static_cast<size_t>(x.size());
    if (py::isinstance<py::array_t<float>>(x)) {
        numbers<float>(x, {count}, false);
        return evaluate<float>(set, f, x);
    }
    numbers<double>(x, {count}, false);
    return evaluate<double>(set, f, x);
}

}  // namespace

PYBIND11_MODULE(_core, m) {
    m.doc() = "Internal: the compiled levels of nnfast.";
    m.attr("__version__") = NNFAST_VERSION;
    m.attr("compiler") = NNFAST_COMPILER;
    m.def("levels", compiled_levels);
    m.def("formulas", formulas, py::arg("level"));
    m.def("evaluate", evaluate_function, py::arg("level"), py::arg("function"), py::arg("x"));
    bind_network<float>(m, "Network32");
    bind_network<double>(m, "Network64");
    add_predictor(m, find_forward);
}
