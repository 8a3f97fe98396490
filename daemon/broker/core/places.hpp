// Who may have a connection to the broker. Every program of the machine can connect, so that nobody's flood may cost
// another user's session its place: those that have not shown a token have places of their own, and who has most gives
// way first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>

namespace capsule::broker {

class Connection;

class Places {
  public:
    using Uid = std::optional<std::uint32_t>;  ///< none: it cannot be known

    /// Of one user.
    struct Counts {
        std::size_t strangers = 0;  ///< connections that have shown no token
        std::size_t known = 0;      ///< connections that have shown one
        std::size_t working = 0;    ///< of these: with a request under way
        std::size_t head_bytes = 0;
    };
    enum class State : std::uint8_t { stranger, known, left };
    struct Place {
        Connection* whose = nullptr;
        std::map<Uid, Counts>::iterator user;
        State state = State::stranger;
        bool working = false;
        std::size_t head_bytes = 0;  ///< memory of a head that is not whole
    };
    using Handle = std::list<Place>::iterator;  ///< until forget()

    /// As a stranger.
    Handle enter(Connection* whose, Uid uid);

    /// Its connection is no more.
    void forget(Handle place);

    /// While there are more strangers than `most`: takes the place of the oldest of the user that has the most of
    /// them. Gives whose it was, for it to be closed; none: there are not too many.
    Connection* turn_out_stranger(std::size_t most);

    /// It has shown a token, and has a request under way until rest(). Where `most` connections have shown one already,
    /// `turned_out` is one of the user that has the most of them, the longest without a request. False when no place
    /// can be made, or when this user's requests leave others too little: a user that is alone may have three quarters
    /// of the places at work, of n users each 3 / (3 n + 1).
    bool work(Handle place, std::size_t most, Connection*& turned_out);
    void rest(Handle place);

    /// So much memory its unfinished head takes. Where those of its user take more than `most` together, gives the
    /// oldest other one, which has lost its place.
    Connection* hold_head(Handle place, std::size_t bytes, std::size_t most);

    bool empty() const noexcept { return strangers_.empty() && known_.empty() && left_.empty(); }

    /// `act(Connection&)` for all that are open.
    template <class Act>
    void for_each(Act act) const {
        for (const auto* list : {&strangers_, &known_, &left_})
            for (const Place& place : *list)
                act(*place.whose);
    }

  private:
    void count_off(Place& place);
    Connection* turn_out(Handle place);
    std::list<Place>& list_of(State state);

    std::map<Uid, Counts> users_;
    std::list<Place> strangers_;  ///< oldest first
    std::list<Place> known_;      ///< the longest without a request first
    std::list<Place> left_;       ///< without a place, and not closed yet
    std::size_t working_ = 0;
};

}  // namespace capsule::broker
