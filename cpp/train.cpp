#include "train.h"

#include <algorithm>
#include <numeric>

#include "column_pass.h"
#include "floating_point.h"
#include "watch.h"

namespace nnfast {
namespace {

// Durstenfeld (1964)
void shuffle_rows(std::vector<uint32_t>& order, uint64_t& state) {
    std::iota(order.begin(), order.end(), 0u);
    Generator generator(state);
    for (size_t i = order.size() - 1; i > 0; --i)
        std::swap(order[i], order[generator.below(static_cast<uint32_t>(i + 1))]);
}

}  // namespace

template <class T>
Trainer<T>::Trainer(const Network<T>& network, const Optimizer& optimizer,
                    const Control<T>& control, const Data<T>& data, size_t batch_size,
                    const T* parameters, const T* slots)
    : network_(network),
      optimizer_(optimizer),
      control_(control),
      data_(data),
      batch_size_(std::min(batch_size, data.rows)),
      way_(choose_way(batch_size)) {
    const size_t count = way_ == Way::fused ? network.padded_count : network.parameter_count;
    const auto copy = [&](const T* from) {
        Buffer<T> to(count + tiny_padding);
        way_ == Way::fused ? network.pack(from, to.get())
                           : void(std::copy_n(from, network.parameter_count, to.get()));
        return to;
    };
    update_.optimizer =
        network.kernels.find_optimizer(optimizer.name, optimizer.hyperparameters, optimizer.count);
    slots_ = network.kernels.slots(update_.optimizer);
    weights_ = copy(parameters);
    for (size_t s = 0; s < slots_; ++s) state_.push_back(copy(slots + s * network.parameter_count));
    if (way_ == Way::controlled || way_ == Way::columns) {
        gradient_ = Buffer<T>(count + tiny_padding);
        old_ = Buffer<T>(control.factors ? count : 0);
    }
    if (way_ == Way::controlled) {
        padded_ = Buffer<T>(network.padded_count);
        network.pack(parameters, padded_.get());
    }
}

template <class T>
typename Trainer<T>::Way Trainer<T>::choose_way(size_t batch_size) const {
    const bool noisy = network_.is_noisy();
    if (!noisy && ColumnPass<T>::suits(network_, batch_size)) return Way::columns;
    if (control_.clip_value > 0 || control_.clip_norm > 0 || control_.factors ||
        network_.limits_norms())
        return Way::controlled;
    const bool plain = !data_.weights && network_.regularization.empty() && !noisy;
    return network_.is_tiny && plain ? Way::tiny : Way::fused;
}

template <class T>
bool Trainer<T>::finish(T* parameters, T* slots) const {
    const auto is_finite = [](const Buffer<T>& buffer) {
        // a number that is not finite makes its difference to itself NaN
        T sum = 0;
        for (size_t i = 0; i < buffer.size(); ++i) sum += buffer.get()[i] - buffer.get()[i];
        return sum == 0;
    };
    if (!is_finite(weights_) || !std::all_of(state_.begin(), state_.end(), is_finite)) return false;
    const auto copy = [&](const Buffer<T>& from, T* to) {
        way_ == Way::fused ? network_.unpack(from.get(), to)
                           : void(std::copy_n(from.get(), network_.parameter_count, to));
    };
    copy(weights_, parameters);
    for (size_t s = 0; s < slots_; ++s) copy(state_[s], slots + s * network_.parameter_count);
    return true;
}

template <class T>
struct Trainer<T>::Plan {
    size_t epochs;
    bool shuffle;
    size_t threads;
    double* losses;
    Watch& watch;
};

template <class T>
void Trainer<T>::run(size_t epochs, bool shuffle, size_t threads, double* losses,
                     const std::function<bool()>& interrupted) {
    const ArithmeticMode callers = arithmetic_mode();
    const ArithmeticScope scope(callers | subnormals_are_zero);
    const std::function<bool()> asked = [&] {
        const ArithmeticScope as_before(callers);
        return interrupted();
    };
    Watch watch(asked);
    const Plan plan{epochs, shuffle && batch_size_ < data_.rows, threads, losses, watch};
    way_ == Way::tiny      ? run_tiny(plan)
    : way_ == Way::columns ? run_columns(plan)
                           : run_chunks(plan);
}

// Many epochs, or a part of one, in each call of the kernel, about a millisecond long.
template <class T>
void Trainer<T>::run_tiny(const Plan& plan) {
    const size_t rows = data_.rows, batch = batch_size_;
    const bool narrow = network_.narrower && batch <= network_.narrower->lanes;
    const Kernels<T>& kernels = narrow ? *network_.narrower : network_.kernels;
    const size_t count = network_.parameter_count;
    TinyTask<T> task{};
    task.net = network_.flat();
    Buffer<T> room(tiny_room(task.net, 64 / sizeof(T)));
    std::vector<uint32_t> order(plan.shuffle ? rows : 0);

    task.optimizer = update_.optimizer;
    task.hyperparameters = optimizer_.hyperparameters;
    task.p = weights_.get();
    for (size_t s = 0; s < slots_; ++s) task.state[s] = state_[s].get();
    task.room = room.get();
    task.x = data_.x;
    task.y = data_.y;
    task.order = plan.shuffle ? order.data() : nullptr;
    task.batch_size = batch;

    const size_t batch_work = (std::min(batch, kernels.lanes) + kernels.lanes) * count;
    const size_t batches = (rows + batch - 1) / batch;
    const size_t most = std::max<size_t>(1, 2'000'000 / batch_work);  // batches in a call
    for (size_t epoch = 0; epoch < plan.epochs; epoch += task.epochs) {
        if (plan.shuffle) shuffle_rows(order, shuffle_state);
        task.epochs = plan.shuffle ? 1 : std::clamp<size_t>(most / batches, 1, plan.epochs - epoch);
        task.losses = plan.losses + epoch;
        std::fill_n(task.losses, task.epochs, 0.0);
        for (size_t first = 0; first < batches; first += most) {
            const size_t last = task.epochs > 1 ? batches : std::min(batches, first + most);
            if (plan.watch.stop((last - first) * task.epochs * batch_work)) return;
            task.first = first * batch;
            task.last = std::min(last * batch, rows);
            task.step = step;
            task.rates = control_.rates ? control_.rates + epoch * batches + first : nullptr;
            kernels.tiny_train(task);
            step += (last - first) * task.epochs;
        }
        for (size_t e = 0; e < task.epochs; ++e) task.losses[e] /= static_cast<double>(rows);
    }
}

// update(order, start, end, loss) for every batch, which changes the parameters and adds the summed
// loss of its rows; false where it was given up, having changed nothing
template <class T>
template <class F>
void Trainer<T>::run_epochs(const Plan& plan, const F& update) {
    std::vector<uint32_t> order(plan.shuffle ? data_.rows : 0);
    size_t updates = 0;
    for (size_t epoch = 0; epoch < plan.epochs; ++epoch) {
        if (plan.shuffle) shuffle_rows(order, shuffle_state);
        double loss = 0;
        const double penalties = present_penalty();
        for (size_t start = 0; start < data_.rows; start += batch_size_) {
            const size_t end = std::min(start + batch_size_, data_.rows);
            prepare_update(updates);
            if (!update(plan.shuffle ? order.data() : nullptr, start, end, loss)) return;
            ++step;
            ++updates;
        }
        plan.losses[epoch] = loss / static_cast<double>(data_.rows) + penalties;
    }
}

template <class T>
void Trainer<T>::run_columns(const Plan& plan) {
    ColumnPass<T> pass(network_, batch_size_, plan.threads);
    run_epochs(plan, [&](const uint32_t* order, size_t start, size_t end, double& loss) {
        if (!pass.backpropagate(data_, order, start, end, weights_.get(), gradient_.get(), loss,
                                &plan.watch))
            return false;
        update_all();
        return true;
    });
}

template <class T>
void Trainer<T>::run_chunks(const Plan& plan) {
    const size_t work = network_.work(), most = std::min(network_.chunk_rows(), batch_size_);
    const bool controlled = way_ == Way::controlled, noisy = network_.is_noisy();
    Team team(team_size(plan.threads, most * work));
    Pass<T> pass(network_, controlled ? padded_.get() : weights_.get(), most, true, team);
    Rows<T> rows(network_, data_, most);
    Buffer<T> gradient(controlled || batch_size_ > most ? network_.padded_count : 0);
    run_epochs(plan, [&](const uint32_t* order, size_t start, size_t end, double& loss) {
        const T scale = T(1) / static_cast<T>(end - start);
        for (size_t first = start; first < end; first += most) {
            const size_t count = std::min(most, end - first);
            if (plan.watch.stop(count * work)) return false;
            rows.select(order, first, count);
            WeightGradient<T> target{};
            target.gradient = gradient.get();
            target.resume = first > start;
            target.update = !controlled && first + count == end ? &update_ : nullptr;
            target.p = weights_.get();
            for (size_t s = 0; s < slots_; ++s) target.state[s] = state_[s].get();
            const Noise noise{noise_seed, step, network_.layers.size() + 2, first - start};
            loss += pass.backpropagate(rows.chunk(count, noisy ? &noise : nullptr), scale, target);
        }
        if (controlled) {
            network_.unpack(gradient.get(), gradient_.get());
            update_all();
            network_.pack(weights_.get(), padded_.get());
        }
        return true;
    });
}

template <class T>
double Trainer<T>::present_penalty() const {
    if (network_.regularization.empty()) return 0;
    if (way_ != Way::fused) return penalty(network_, weights_.get());
    Buffer<T> p(network_.parameter_count);
    network_.unpack(weights_.get(), p.get());
    return penalty(network_, p.get());
}

// The factors of update number `number` of this call
template <class T>
void Trainer<T>::prepare_update(size_t number) {
    if (!control_.rates)
        return network_.kernels.prepare(optimizer_.hyperparameters, step + 1, update_);
    std::vector<double> own(optimizer_.hyperparameters,
                            optimizer_.hyperparameters + optimizer_.count);
    own[0] = control_.rates[number];
    network_.kernels.prepare(own.data(), step + 1, update_);
}

// One step of all parameters, from their gradient
template <class T>
void Trainer<T>::update_all() {
    const size_t count = network_.parameter_count;
    T *g = gradient_.get(), *p = weights_.get(), *state[most_slots] = {};
    for (size_t s = 0; s < slots_; ++s) state[s] = state_[s].get();
    add_penalty(network_, p, g);
    clip(network_, control_, g);
    if (control_.factors) std::copy_n(p, count, old_.get());
    network_.kernels.step(update_, count, g, p, state);
    settle(network_, control_, old_.get(), p);
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace nnfast
