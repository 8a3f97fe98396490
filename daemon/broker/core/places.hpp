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

using Uid = std::optional<std::uint32_t>;  ///< none: it cannot be known

/// Who is counted: whose sessions somebody else may use. One user can have sessions granted for any number of uids.
using Payer = std::uint64_t;

/// A uid has 32 bits, and the highest one is nobody's.
constexpr Payer nobodys = Payer{1} << 32;

/// `there`: for whom that one asks, where it is another capsuled.
constexpr Payer payer_of(std::uint32_t uid, Uid there = std::nullopt) {
    return (there ? (Payer{*there} + 1) << 32 : 0) | (Payer{uid} + 1);
}

/// Whose places a connection takes.
struct Share {
    Payer payer = nobodys;
    Uid uid;  ///< whose session it is

    bool operator==(const Share&) const = default;
    /// Whether the payer has asked for somebody else.
    bool is_anothers() const { return uid && payer != payer_of(*uid) && payer >> 32 != Payer{*uid} + 1; }
};

class Places {
  public:
    /// Of one user.
    struct Counts {
        std::size_t strangers = 0;  ///< connections that have shown no token
        std::size_t known = 0;      ///< connections that have shown one
        std::size_t working = 0;    ///< of these: with a request under way
        std::size_t head_bytes = 0;
    };
    struct User {
        Counts all;
        std::map<Uid, Counts> each;  ///< for whom it pays
    };
    enum class State : std::uint8_t { stranger, known, left };
    struct Place {
        Connection* whose = nullptr;
        std::map<Payer, User>::iterator user{};
        std::map<Uid, Counts>::iterator one{};
        State state = State::stranger;
        bool working = false;
        std::size_t head_bytes = 0;  ///< memory of a head that is not whole
    };
    using Handle = std::list<Place>::iterator;  ///< until forget()

    /// As a stranger.
    Handle enter(Connection* whose, Share share);

    /// Its connection is no more.
    void forget(Handle place);

    /// While there are more strangers than `most`: takes the place of the oldest of the user that has the most of
    /// them. Gives whose it was, for it to be closed; none: there are not too many.
    Connection* turn_out_stranger(std::size_t most);

    /// It has shown a token of that share's, and has a request under way until rest(). Where `most` connections have
    /// shown one already, `turned_out` is one of the user that has the most of them, the longest without a request.
    /// False when no place can be made, or when this user's requests leave others too little: a user that is alone may
    /// have three quarters of the places at work, of n users each 3 / (3 n + 1). Those for whom a user pays leave some
    /// of its places to each other.
    bool work(Handle place, Share share, std::size_t most, Connection*& turned_out);
    void rest(Handle place);

    /// So much memory its unfinished head takes. Where those of its user take more than `most` together, gives another
    /// one, which has lost its place: the oldest of whom that user pays most of them for.
    Connection* hold_head(Handle place, std::size_t bytes, std::size_t most);

    /// Whether a head of so many bytes is one too many of a stranger: those of its user would take more than `most`
    /// together. Then it has lost its place. A uid's only one stays.
    bool refuse_head(Handle place, std::size_t bytes, std::size_t most);

    /// How many connections that user has.
    std::size_t of(Payer payer) const;
    /// Of these: that have shown no token.
    std::size_t strangers_of(Payer payer) const;

    bool empty() const noexcept { return strangers_.empty() && known_.empty() && left_.empty(); }

    /// `act(Connection&)` for all that are open.
    template <class Act>
    void for_each(Act act) const {
        for (const auto* list : {&strangers_, &known_, &left_})
            for (const Place& place : *list)
                act(*place.whose);
    }

  private:
    void count_on(Place& place, Share share);
    void count_off(Place& place);
    Connection* turn_out(Handle place);
    std::list<Place>& list_of(State state);

    std::map<Payer, User> users_;
    std::list<Place> strangers_;  ///< oldest first
    std::list<Place> known_;      ///< the longest without a request first
    std::list<Place> left_;       ///< without a place, and not closed yet
    std::size_t working_ = 0;
};

}  // namespace capsule::broker
