// A provider as one key reaches it, and the connections to it that are kept.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "daemon/broker/control.hpp"
#include "daemon/broker/core/base_url.hpp"
#include "daemon/broker/core/key_forms.hpp"
#include "daemon/broker/kept_streams.hpp"
#include "daemon/broker/names.hpp"
#include "daemon/broker/peer_uid.hpp"
#include "daemon/broker/tls.hpp"
#include "daemon/broker/workers.hpp"

namespace capsule::broker {

/// Connections carry requests of one key only. Shared by the sessions that have that key; when the last of them has
/// ended, the key is wiped and the kept connections are closed.
class Upstream {
  public:
    Upstream(BaseUrl base, const Secret& key, std::shared_ptr<KeptStreams> all_kept)
        : base_(std::move(base)), key_(key), all_kept_(std::move(all_kept)) {}
    ~Upstream();
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;

    bool is_for(const BaseUrl& base, const Secret& key) const;
    const Secret& key() const noexcept { return key_.key; }
    const KeyForms& key_forms() const noexcept { return key_; }

    /// A kept connection that is still good; none: open one.
    std::shared_ptr<Stream> take();
    /// `owner`: whose request it carried.
    void keep(std::shared_ptr<Stream> stream, Owner owner, Clock::time_point now);

  private:
    BaseUrl base_;
    KeyForms key_;
    std::shared_ptr<KeptStreams> all_kept_;
    KeptStreams::OfOne kept_;
};

/// What opening a connection needs to know.
struct WayOut {
    Loop& loop;
    const Configure& limits;
    const TlsContext& tls;
    PeerUid& peers;
    Names& names;
    Workers& workers;
    KeptStreams& kept;  ///< which make room where no descriptor is left
    Owner owner;        ///< whose time it takes

    /// Ends the attempt to open one, if there is any: nobody wants it any more.
    class Stop {
      public:
        void operator()() const {
            if (now_) now_();
        }
        class While {
          public:
            While(Stop* stop, std::function<void()> now) : stop_(stop) {
                if (stop_) stop_->now_ = std::move(now);
            }
            ~While() {
                if (stop_) stop_->now_ = nullptr;
            }
            While(const While&) = delete;
            While& operator=(const While&) = delete;

          private:
            Stop* stop_;
        };

      private:
        std::function<void()> now_;
    };
    Stop* stop = nullptr;  ///< outlives the attempt
    char first = 'G';      ///< what is to be sent begins with it
};

/// Name lookup, TCP, the proxy's CONNECT and TLS, within limits.connect_ms. The refusals tell these apart:
/// 502 capsule_upstream_unreachable, 504 capsule_upstream_timeout.
Task<Allowed<std::shared_ptr<Stream>>> open_upstream(WayOut way, const BaseUrl& base);

}  // namespace capsule::broker
