// Trains without Python, on the last instruction set of this processor.
//
// Reads cases from the standard input: a line of words, as `Case` reads them, then the numbers of
// parameters (count), x (rows, inputs) and y (rows, outputs) as they lie in memory. Writes for each
// the outputs before the training (rows, outputs), and parameters, state and losses after it.
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "../../cpp/forward.h"
#include "../../cpp/minimise.h"
#include "../../cpp/train.h"

using namespace nnfast;

namespace {

template <class T>
T word() {
    T value{};
    std::cin >> value;
    return value;
}

template <>
double word<double>() {  // inf, too
    return std::stod(word<std::string>());
}

template <class T>
std::vector<T> words() {
    std::vector<T> list(word<size_t>());
    for (auto&& item : list) item = word<T>();
    return list;
}

struct Case {
    std::vector<size_t> sizes = words<size_t>();
    std::vector<std::string> activations = words<std::string>();
    std::string loss = word<std::string>();
    std::vector<double> rules = words<double>();  // four of each layer, or none
    size_t rows = word<size_t>();
    std::string optimizer = word<std::string>();  // or batch method
    std::vector<double> settings = words<double>();
    size_t epochs = word<size_t>();
    size_t batch_size = word<size_t>();  // 0 for a batch method
    uint64_t shuffle_state = word<uint64_t>();
    uint64_t noise_seed = word<uint64_t>();
};

template <class T>
std::vector<T> read(size_t count) {
    std::vector<T> numbers(count);
    std::cin.read(reinterpret_cast<char*>(numbers.data()),
                  static_cast<std::streamsize>(count * sizeof(T)));
    return numbers;
}

template <class T>
void write(const std::vector<T>& numbers) {
    std::cout.write(reinterpret_cast<const char*>(numbers.data()),
                    static_cast<std::streamsize>(numbers.size() * sizeof(T)));
}

int position(const Names& names, const std::string& name) {
    for (size_t i = 0; i < names.count; ++i)
        if (name == names.list[i]) return static_cast<int>(i);
    std::cerr << "unknown: " << name << '\n';
    std::exit(1);
}

const Kernels<float>& kernels_of(const KernelSet& set, float) {
    return set.f32;
}
const Kernels<double>& kernels_of(const KernelSet& set, double) {
    return set.f64;
}

const InstructionSet& last_set() {
    size_t count;
    const InstructionSet* sets = instruction_sets(count);
    while (!sets[count - 1].supported) --count;
    return sets[count - 1];
}

template <class T>
Network<T> make_network(const Case& c) {
    const InstructionSet& set = last_set();
    std::vector<int> activations;
    for (const auto& name : c.activations)
        activations.push_back(position(set.kernels->activations, name));
    Network<T> network(kernels_of(*set.kernels, T()),
                       set.narrower ? &kernels_of(*set.narrower, T()) : nullptr, c.sizes,
                       activations, std::vector<bool>(activations.size(), true),
                       position(set.kernels->losses, c.loss));
    for (size_t i = 0; i < c.rules.size(); i += 4)
        network.regularization.push_back(
            {c.rules[i], c.rules[i + 1], c.rules[i + 2], c.rules[i + 3]});
    return network;
}

template <class T>
void train(const Case& c, const Network<T>& network, std::vector<T>& p, const Data<T>& data) {
    const Optimizer optimizer{c.optimizer.c_str(), c.settings.data(), c.settings.size()};
    const int found =
        network.kernels.find_optimizer(optimizer.name, c.settings.data(), c.settings.size());
    std::vector<T> slots(network.kernels.slots(found) * p.size());
    std::vector<double> losses(c.epochs);
    Trainer<T> trainer(network, optimizer, Control<T>{}, data, c.batch_size, p.data(),
                       slots.data());
    trainer.shuffle_state = c.shuffle_state;
    trainer.noise_seed = c.noise_seed;
    trainer.run(c.epochs, true, 1, losses.data(), [] { return false; });
    trainer.finish(p.data(), slots.data());
    write(p);
    write(slots);
    write(losses);
}

void minimise(const Case& c, const Network<double>& network, std::vector<double>& p,
              const Data<double>& data) {
    const Method method{c.optimizer, c.settings};
    const auto kind = find_method(method);
    Vector slots(kind->slots * p.size()), scalars(kind->scalars), losses(c.epochs);
    MethodState state{slots.data(), scalars.data(), 0};
    Objective<double> objective(network, data, 1);
    const auto outcome = nnfast::minimise(objective, method, p.data(), state, nullptr, false,
                                          c.epochs, losses.data());
    losses.resize(outcome.iterations);
    write(p);
    write(slots);
    write(losses);
}

template <class T>
void run() {
    const Case c;
    std::cin.get();  // the end of the line
    const Network<T> network = make_network<T>(c);
    std::vector<T> p = read<T>(network.parameter_count);
    const std::vector<T> x = read<T>(c.rows * c.sizes.front());
    const std::vector<T> y = read<T>(c.rows * c.sizes.back());
    std::vector<T> outputs(y.size());
    forward(network, p.data(), x.data(), c.rows, outputs.data(), 1);
    write(outputs);
    const Data<T> data{x.data(), y.data(), nullptr, c.rows};
    if constexpr (sizeof(T) == 8) {
        if (c.batch_size == 0) return minimise(c, network, p, data);
    }
    train(c, network, p, data);
}

}  // namespace

int main() {
    for (std::string dtype; std::cin >> dtype;) dtype == "float32" ? run<float>() : run<double>();
}
