#include "daemon/broker/core/places.hpp"

#include <algorithm>
#include <utility>

namespace capsule::broker {

std::list<Places::Place>& Places::list_of(State state) {
    if (state == State::left) return left_;
    return state == State::known ? known_ : strangers_;
}

void Places::count_on(Place& place, Share share) {
    place.user = users_.try_emplace(share.payer).first;
    place.one = place.user->second.each.try_emplace(share.uid).first;
    for (Counts* its : {&place.user->second.all, &place.one->second})
        ++(place.state == State::known ? its->known : its->strangers);
}

Places::Handle Places::enter(Connection* whose, Share share) {
    const Handle place = strangers_.insert(strangers_.end(), Place{whose});
    count_on(*place, share);
    return place;
}

void Places::count_off(Place& place) {
    if (place.state == State::left) return;
    const bool working = std::exchange(place.working, false);
    if (working) --working_;
    for (Counts* its : {&place.user->second.all, &place.one->second}) {
        its->head_bytes -= place.head_bytes;
        if (working) --its->working;
        --(place.state == State::known ? its->known : its->strangers);
    }
    place.head_bytes = 0;
    const auto is_over = [](const Counts& its) { return its.known == 0 && its.strangers == 0; };
    if (is_over(place.one->second)) place.user->second.each.erase(place.one);
    if (is_over(place.user->second.all)) users_.erase(place.user);
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
    const auto most_of = [](Handle each) {
        return std::pair(each->user->second.all.strangers, each->one->second.strangers);
    };
    for (Handle each = strangers_.begin(); each != strangers_.end(); ++each)
        if (most_of(each) > most_of(found)) found = each;
    return turn_out(found);
}

bool Places::work(Handle place, Share share, std::size_t most, Connection*& turned_out) {
    turned_out = nullptr;
    if (place->state == State::left) return false;
    if (place->user->first != share.payer || place->one->first != share.uid) {
        count_off(*place);
        count_on(*place, share);
    }
    Counts &its = place->user->second.all, &ones = place->one->second;
    const std::size_t may_have = 3 * (most - std::min(most, working_));
    if (its.working >= may_have) return false;
    if (share.is_anothers() && ones.working >= 2 * (may_have - its.working)) return false;
    if (place->state == State::stranger && known_.size() >= most) {
        const auto most_of = [](Handle each) {
            return std::pair(each->user->second.all.known, each->one->second.known);
        };
        Handle found = known_.end();
        for (Handle each = known_.begin(); each != known_.end(); ++each)
            if (!each->working && (found == known_.end() || most_of(each) > most_of(found))) found = each;
        if (found == known_.end()) return false;
        turned_out = turn_out(found);
    }
    known_.splice(known_.end(), list_of(place->state), place);
    const bool was_stranger = std::exchange(place->state, State::known) == State::stranger;
    for (Counts* counts : {&its, &ones}) {
        counts->strangers -= was_stranger ? 1 : 0;
        counts->known += was_stranger ? 1 : 0;
        ++counts->working;
    }
    place->working = true;
    ++working_;
    return true;
}

void Places::rest(Handle place) {
    if (!std::exchange(place->working, false)) return;
    for (Counts* its : {&place->user->second.all, &place->one->second})
        --its->working;
    --working_;
    known_.splice(known_.end(), known_, place);
}

bool Places::refuse_head(Handle place, std::size_t bytes, std::size_t most) {
    if (place->state != State::stranger || place->one->second.head_bytes == place->head_bytes) return false;
    if (place->user->second.all.head_bytes - place->head_bytes + bytes <= most) return false;
    turn_out(place);
    return true;
}

Connection* Places::hold_head(Handle place, std::size_t bytes, std::size_t most) {
    if (place->state == State::left) return nullptr;
    for (Counts* its : {&place->user->second.all, &place->one->second})
        its->head_bytes = its->head_bytes - place->head_bytes + bytes;
    place->head_bytes = bytes;
    if (place->user->second.all.head_bytes <= most) return nullptr;
    std::optional<Handle> found;
    for (std::list<Place>* list : {&strangers_, &known_})
        for (Handle each = list->begin(); each != list->end(); ++each)
            if (each != place && each->user == place->user && each->head_bytes > 0 &&
                (!found || each->one->second.head_bytes > (*found)->one->second.head_bytes))
                found = each;
    return found ? turn_out(*found) : nullptr;
}

std::size_t Places::of(Payer payer) const {
    const auto user = users_.find(payer);
    return user == users_.end() ? 0 : user->second.all.strangers + user->second.all.known;
}

std::size_t Places::strangers_of(Payer payer) const {
    const auto user = users_.find(payer);
    return user == users_.end() ? 0 : user->second.all.strangers;
}

}  // namespace capsule::broker
