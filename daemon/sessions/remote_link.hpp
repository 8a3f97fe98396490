// The connection to the capsuled that has the keys ([broker] remote). It is kept, and made anew whenever it ends: what
// that capsuled granted over it is gone then and must be asked for again. Lives on the I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"
#include "protocol/session_messages.hpp"

namespace capsule {

class RemoteGrant;

class RemoteLink {
  public:
    /// How long a request waits for a capsuled that is not up yet.
    static constexpr std::chrono::milliseconds patience{10'000};
    /// And for its answer: a key may be read from a password manager meanwhile, which takes up to 10 s.
    static constexpr std::chrono::milliseconds answer_limit{15'000};
    /// And as long as the connection lasts.
    static constexpr std::chrono::milliseconds while_connected = std::chrono::hours(24 * 365);
    /// It counts as one that does not answer when nothing at all has come for so long.
    static constexpr std::chrono::milliseconds silent_from{5'000};

    /// `connected` is called each time that it answers.
    RemoteLink(boost::asio::any_io_executor executor, std::function<void()> connected);
    /// A second one beside another. The log has its connection at the level debug.
    explicit RemoteLink(boost::asio::any_io_executor executor);
    RemoteLink(const RemoteLink&) = delete;
    RemoteLink& operator=(const RemoteLink&) = delete;
    ~RemoteLink();

    /// From now on there is a connection to the socket at `path`, as far as it depends on this side. Once.
    void start(std::string path);
    void stop();

    bool started() const noexcept;
    const std::string& path() const noexcept;
    bool connected() const noexcept;
    /// Whether it has answered over the connection, and what was asked last.
    bool answers() const noexcept;
    /// Why not, as far as that is known.
    std::string problem() const;
    /// The number of the connection that is there, or was there last.
    std::uint64_t connection() const noexcept;

    /// How long a request may be there.
    std::size_t longest_request() const noexcept;

    /// Fails with io.error where there is no connection within `wait`, or no answer within `limit`; with
    /// request.too_large where that capsuled would close the connection at such a request; with config.conflict where
    /// the other version does not take what this one asks; else with what that capsuled fails with.
    boost::asio::awaitable<Result<boost::json::value>> call(std::string method, boost::json::value params,
                                                            std::chrono::milliseconds wait,
                                                            std::chrono::milliseconds limit = answer_limit);
    /// What call() fails with, for whoever does not wait for its answer any longer.
    Error has_not_answered(std::string_view method);
    /// Null: the key has not been read there yet (GrantParams::key_is_read).
    boost::asio::awaitable<Result<std::shared_ptr<RemoteGrant>>> grant(GrantParams params,
                                                                       std::chrono::milliseconds wait);

  private:
    friend class RemoteGrant;
    struct Shared;
    static Result<void> check_greeting(const Result<boost::json::value>& status, Shared& shared);
    static boost::asio::awaitable<void> keep_connected(std::shared_ptr<Shared> shared);
    static boost::asio::awaitable<Error> run_once(std::shared_ptr<Shared> shared);
    static boost::asio::awaitable<void> greet(std::shared_ptr<Shared> shared, std::uint64_t connection);
    static boost::asio::awaitable<Result<boost::json::value>> ask(std::shared_ptr<Shared> shared, std::string method,
                                                                  boost::json::value params,
                                                                  std::chrono::milliseconds limit);
    /// Of its answer to "grant".
    static Result<std::shared_ptr<RemoteGrant>> granted(const std::shared_ptr<Shared>& shared,
                                                        const boost::json::value& answer);
    static void send(const std::shared_ptr<Shared>& shared, std::string line);
    static boost::asio::awaitable<void> write(std::shared_ptr<Shared> shared);

    boost::asio::any_io_executor executor_;
    std::function<void()> connected_;
    bool is_second_ = false;
    std::shared_ptr<Shared> shared_;
};

/// What that capsuled granted. It is given back when the object goes.
class RemoteGrant {
  public:
    RemoteGrant(std::weak_ptr<RemoteLink::Shared> link, std::uint64_t connection, GrantResult given);
    RemoteGrant(const RemoteGrant&) = delete;
    RemoteGrant& operator=(const RemoteGrant&) = delete;
    ~RemoteGrant();

    /// The session's id there.
    const std::string& id() const noexcept { return id_; }
    const std::map<std::string, std::string>& base_urls() const noexcept { return base_urls_; }
    /// Where that capsuled found the key: role, workspace, global, container.
    const std::string& key_scope() const noexcept { return key_scope_; }
    /// The provider's own base URL, as that capsuled has it.
    const std::optional<std::string>& provider_url() const noexcept { return provider_url_; }
    /// What that capsuled says of the key and of its provider.
    const std::vector<Warning>& warnings() const noexcept { return warnings_; }
    /// The connection with which it ends.
    std::uint64_t connection() const noexcept { return connection_; }

  private:
    std::weak_ptr<RemoteLink::Shared> link_;
    std::uint64_t connection_;
    std::string id_;
    std::map<std::string, std::string> base_urls_;
    std::string key_scope_;
    std::optional<std::string> provider_url_;
    std::vector<Warning> warnings_;
};

}  // namespace capsule
