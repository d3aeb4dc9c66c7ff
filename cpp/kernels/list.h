// Lists of types with a name each, such as all activations, to choose from at run time.
#pragma once

#include "../kernels.h"
#include "vector.h"

namespace nnfast::NNFAST_ISA {
namespace {

template <class A, class B>
struct Same {
    static constexpr bool value = false;
};
template <class A>
struct Same<A, A> {
    static constexpr bool value = true;
};

template <class... Items>
struct List {
    static constexpr size_t count = sizeof...(Items);
    static constexpr const char* names[] = {Items::name...};

    template <class Item>
    static constexpr int position = [] {
        int i = 0, found = -1;
        ((found = Same<Item, Items>::value ? i : found, ++i), ...);
        return found;
    }();

    // f(item) for the item at this position
    template <class F>
    static NNFAST_INLINE void visit(int position, F f) {
        int i = 0;
        ((i++ == position ? f(Items{}) : void()), ...);
    }
};

}  // namespace
}  // namespace nnfast::NNFAST_ISA
