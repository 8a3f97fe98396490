#include "daemon/broker/core/places.hpp"

#include <algorithm>
#include <utility>

namespace capsule::broker {

std::list<Places::Place>& Places::list_of(State state) {
    if (state == State::left) return left_;
    return state == State::known ? known_ : strangers_;
}

Places::Handle Places::enter(Connection* whose, Uid uid) {
    const auto user = users_.try_emplace(uid).first;
    ++user->second.strangers;
    return strangers_.insert(strangers_.end(), Place{whose, user});
}

void Places::count_off(Place& place) {
    Counts& its = place.user->second;
    if (place.state == State::left) return;
    its.head_bytes -= place.head_bytes;
    place.head_bytes = 0;
    if (std::exchange(place.working, false)) {
        --its.working;
        --working_;
    }
    --(place.state == State::known ? its.known : its.strangers);
    if (its.known == 0 && its.strangers == 0) users_.erase(place.user);
}

void Places::forget(Handle place) {
    count_off(*place);
    list_of(place->state).erase(place);
}

Connection* Places::turn_out(Handle place) {
    count_off(*place);
    left_.splice(left_.end(), list_of(place->state), place);
    place->state = State::left;
    return place->whose;
}

Connection* Places::turn_out_stranger(std::size_t most) {
    if (strangers_.size() <= most) return nullptr;
    Handle found = strangers_.begin();
    for (Handle each = strangers_.begin(); each != strangers_.end(); ++each)
        if (each->user->second.strangers > found->user->second.strangers) found = each;
    return turn_out(found);
}

bool Places::work(Handle place, std::size_t most, Connection*& turned_out) {
    turned_out = nullptr;
    Counts& its = place->user->second;
    if (place->state == State::left || its.working >= 3 * (most - std::min(most, working_))) return false;
    if (place->state == State::stranger && known_.size() >= most) {
        Handle found = known_.end();
        for (Handle each = known_.begin(); each != known_.end(); ++each)
            if (!each->working && (found == known_.end() || each->user->second.known > found->user->second.known))
                found = each;
        if (found == known_.end()) return false;
        turned_out = turn_out(found);
    }
    known_.splice(known_.end(), list_of(place->state), place);
    if (std::exchange(place->state, State::known) == State::stranger) {
        --its.strangers;
        ++its.known;
    }
    place->working = true;
    ++its.working;
    ++working_;
    return true;
}

void Places::rest(Handle place) {
    if (!std::exchange(place->working, false)) return;
    --place->user->second.working;
    --working_;
    known_.splice(known_.end(), known_, place);
}

Connection* Places::hold_head(Handle place, std::size_t bytes, std::size_t most) {
    if (place->state == State::left) return nullptr;
    std::size_t& all = place->user->second.head_bytes;
    all = all - place->head_bytes + bytes;
    place->head_bytes = bytes;
    if (all <= most) return nullptr;
    for (std::list<Place>* list : {&strangers_, &known_})
        for (Handle each = list->begin(); each != list->end(); ++each)
            if (each != place && each->user == place->user && each->head_bytes > 0) return turn_out(each);
    return nullptr;
}

}  // namespace capsule::broker
