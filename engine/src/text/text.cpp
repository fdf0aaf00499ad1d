#include <capstan/engine/text/text.hpp>

#include "text/merging_impl.hpp"

namespace capstan {

template class Merging<Rope>;

}  // namespace capstan
