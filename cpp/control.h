// What bends an update beside the optimizer: penalties, clipping, factors of single parameters,
// max-norm. All of it on arrays in the user's layout, so that no sum depends on the instruction
// set.
#pragma once

#include "network.h"

namespace nnfast {

template <class T>
struct Control {
    const double* rates;           // the learning rate of each update; null for the optimizer's own
    double clip_value, clip_norm;  // 0 for none
    const T* factors;              // of each parameter's step; 0 freezes; null for all 1
};

// What the weights add to the loss: l1 sum |w| + l2/2 sum w^2
template <class T>
double penalty(const Network<T>& network, const T* p);

// gradient += that of the penalty
template <class T>
void add_penalty(const Network<T>& network, const T* p, T* gradient);

// The gradient as the optimizer is to see it: without frozen parameters, and clipped
template <class T>
void clip(const Network<T>& network, const Control<T>& control, T* gradient);

// What remains of the step from `old` to p
template <class T>
void settle(const Network<T>& network, const Control<T>& control, const T* old, T* p);

}  // namespace nnfast
