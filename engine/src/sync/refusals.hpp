#pragma once
#include <capstan/engine/sync/outbox.hpp>
#include <capstan/schema/event.hpp>
#include <vector>

namespace capstan::sync {

/// Whether it edits a text or list: its places mean nothing but where its author stood.
bool has_places(Event const& event);

/// Whether a refused write goes on by itself: the reason is about the place where it was made, not
/// about what it wants, and it can be put at another one.
bool goes_on(Outbox::Entry const& refused);

/// In device order, refused ones among the others.
std::vector<Outbox::Entry> by_id(std::vector<Outbox::Entry> entries);

}  // namespace capstan::sync
