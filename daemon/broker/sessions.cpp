#include "daemon/broker/sessions.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "protocol/utc_time.hpp"

namespace capsule::broker {
namespace {

constexpr std::size_t remembered_ends = 1024;

std::optional<Digest> digest_from_hex(std::string_view text) {
    Digest out{};
    if (text.size() != out.size() * 2) return std::nullopt;
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out[i] = static_cast<unsigned char>(high * 16 + low);
    }
    return out;
}

bool same(const Digest& a, const Digest& b) {
    return ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Whoever asked for it; else its own user.
std::optional<Share> share_of(const Grant& grant) {
    if (grant.asked_by) return Share{payer_of(*grant.asked_by, grant.asked_there), grant.uid};
    if (grant.uid) return Share{payer_of(*grant.uid), grant.uid};
    return std::nullopt;
}

std::pair<Uid, Payer> user_of(const Session& session) {
    return {session.grant.uid, session.share.value_or(Share()).payer};
}

Error refused(std::string message) {
    return {ErrorCode::invalid_params, std::move(message), ""};
}

/// How fast an agent may ask: so many of them tell all that matters.
constexpr std::size_t most_verdicts = 64;

bool are_alike(const Verdict& a, const Verdict& b) {
    return a.model == b.model && a.limit.has_value() == b.limit.has_value() &&
           (!a.limit || a.limit->kind == b.limit->kind);
}

void judge(std::vector<Verdict>& verdicts, Verdict verdict) {
    std::erase_if(verdicts, [&](const Verdict& each) { return are_alike(each, verdict); });
    if (verdicts.size() >= most_verdicts) verdicts.erase(verdicts.begin());
    verdicts.push_back(std::move(verdict));
}

void add(Traffic& traffic, const Exchanged& each) {
    if (!each.whole || each.status >= 400 || !each.message.empty()) ++traffic.failed;
    traffic.bytes_up += each.bytes_up;
    traffic.bytes_down += each.bytes_down;
    if (each.limit) ++traffic.refusals[each.limit->kind];
    if (!each.asked.empty() || !each.answered.empty()) {
        const auto known = std::ranges::find_if(traffic.models, [&](const ModelCount& model) {
            return model.asked == each.asked && model.answered == each.answered;
        });
        // A session that asks for names without end is no reason to grow.
        if (known != traffic.models.end())
            ++known->count;
        else if (traffic.models.size() < 64)
            traffic.models.push_back({each.asked, each.answered, 1});
    }
    if (each.seconds > 0) {  // the provider answered
        traffic.latency.resize(latency_bounds_s.size() + 1);
        ++traffic.latency[static_cast<std::size_t>(std::ranges::lower_bound(latency_bounds_s, each.seconds) -
                                                   latency_bounds_s.begin())];
        traffic.latency_s += each.seconds;
    }
    if (each.status > 0) {
        if (!traffic.last) traffic.last.emplace();
        traffic.last->at = now_text();
        traffic.last->status = each.status;
        traffic.last->message.reset();
        if (!each.message.empty())
            traffic.last->message = each.message;
        else if (!each.whole && each.status < 400)
            traffic.last->message = "it was cut before its end";
        // Only a model's whole answer takes a limit back: no list of models, no error that says nothing of a limit.
        const bool took_it = each.status < 300 && !traffic.last->message && !each.answered.empty();
        if (each.limit || took_it) judge(traffic.verdicts, {each.limit, each.asked});
    }
}

}  // namespace

const std::string& now_text() {
    // Asked for with each answer, and the same for a whole second.
    static std::time_t last = 0;
    static std::string text;
    const std::time_t now = std::time(nullptr);
    if (std::exchange(last, now) == now) return text;
    return text = utc_text(UtcTime(std::chrono::seconds(now)));
}

Digest digest_of(std::string_view text) {
    // Made once: it is done with each request.
    static EVP_MD* const sha256 = ::EVP_MD_fetch(nullptr, "SHA256", nullptr);
    static EVP_MD_CTX* const state = ::EVP_MD_CTX_new();
    Digest out{};
    if (sha256 == nullptr || state == nullptr || ::EVP_DigestInit_ex2(state, sha256, nullptr) != 1 ||
        ::EVP_DigestUpdate(state, text.data(), text.size()) != 1 ||
        ::EVP_DigestFinal_ex(state, out.data(), nullptr) != 1)
        throw Failure({ErrorCode::internal_error, "OpenSSL has no SHA-256", "see whether its configuration is sound"});
    return out;
}

Refusal no_key_for(const Session& session) {
    std::string why = session.why_no_key;  // a whole sentence, with its cure
    if (why.empty())
        why = "there is no key for " + session.grant.label + "; set it with capsulectl auth set " +
              session.grant.provider;
    return {401, "capsule_key_absent", std::move(why), 0};
}

std::size_t Sessions::Hash::operator()(const Digest& digest) const noexcept {
    std::size_t out = 0;  // a digest is as good as any hash of it
    std::memcpy(&out, digest.data(), sizeof out);
    return out;
}

Result<void> Sessions::grant(Grant grant) {
    auto session = std::make_shared<Session>();
    const auto token = digest_from_hex(grant.token_sha256);
    const auto base = parse_base_url(grant.base_url);
    const auto surface = surface_named(grant.surface);
    if (!token) return refused("grant.token_sha256: 64 hexadecimal digits in lower case");
    if (!base) return base.error();
    if (!surface) return refused("grant.surface: anthropic_messages, openai_responses or openai_chat");
    session->token = *token;
    session->base = *base;
    session->surface = *surface;
    for (const Refusals& each : grant.refusals)
        session->rules.push_back({each.kind, each.status, each.code, each.text});
    if (grant.key) {
        session->upstream = upstream_for(*base, Secret(*grant.key));
        std::fill(grant.key->begin(), grant.key->end(), '\0');
        grant.key.reset();
    }
    session->why_no_key = grant.reason.value_or("");
    session->share = share_of(grant);
    session->grant = std::move(grant);
    if (const auto old = by_id_.find(session->grant.session); old != by_id_.end()) no_longer_live(*old->second);
    ++users_[user_of(*session)];
    by_id_[session->grant.session] = session;
    by_token_.emplace(session->token, session);
    return {};
}

void Sessions::no_longer_live(Session& session) {
    session.live = false;
    const auto [first, last] = by_token_.equal_range(session.token);
    const auto its = std::find_if(first, last, [&](const auto& each) { return each.second.get() == &session; });
    if (its != last) by_token_.erase(its);
    const auto user = users_.find(user_of(session));
    if (--user->second == 0) users_.erase(user);
}

bool Sessions::pays_for_itself(std::uint32_t uid) const {
    return users_.contains({uid, payer_of(uid)}) || users_.contains({std::nullopt, nobodys});
}

std::vector<Payer> Sessions::payers_of(std::uint32_t uid) const {
    if (pays_for_itself(uid)) return {payer_of(uid)};
    std::vector<Payer> out;
    for (auto each = users_.lower_bound({uid, 0}); each != users_.end() && each->first.first == uid; ++each)
        out.push_back(each->first.second);
    return out;
}

void Sessions::set_key(const Key& key) {
    const auto set = [&](Session& session) {
        session.upstream = key.value ? upstream_for(session.base, Secret(*key.value)) : nullptr;
        session.why_no_key = key.reason.value_or("");
    };
    // capsuled names each session whose key has changed: a key may be that of ten thousand.
    if (key.session) {
        if (const auto found = by_id_.find(*key.session); found != by_id_.end()) set(*found->second);
        return;
    }
    for (const auto& [id, session] : by_id_)
        if (session->grant.provider == key.provider.value_or("")) set(*session);
}

std::shared_ptr<Session> Sessions::revoke(const Revoke& revoke, Clock::time_point now) {
    const auto found = by_id_.find(revoke.session);
    if (found == by_id_.end()) return nullptr;
    const auto session = found->second;
    no_longer_live(*session);
    session->upstream.reset();
    by_id_.erase(found);
    if (revoke.grants_ms) {
        if (may_come_again_.size() >= most_that_may_come_) {
            std::erase_if(may_come_again_, [now](const auto& each) { return each.second <= now; });
            most_that_may_come_ = std::max(remembered_ends, 2 * may_come_again_.size());
        }
        may_come_again_[session->token] = now + std::chrono::milliseconds(*revoke.grants_ms);
        return session;
    }
    ended_.emplace_back(session->token, revoke.reason);
    if (ended_.size() > remembered_ends) ended_.pop_front();
    return session;
}

bool Sessions::may_come_again(std::string_view token, Clock::time_point now) const {
    const auto found = may_come_again_.find(digest_of(token));
    return found != may_come_again_.end() && now < found->second;
}

std::shared_ptr<Session> Sessions::find(std::string_view token) const {
    const Digest digest = digest_of(token);
    const auto found = by_token_.find(digest);
    return found != by_token_.end() && same(found->first, digest) ? found->second : nullptr;
}

std::string Sessions::ended(std::string_view token) const {
    const Digest digest = digest_of(token);
    for (const auto& [known, reason] : ended_)
        if (same(known, digest)) return reason;
    return "";
}

bool Sessions::has_base_path(std::string_view path) const {
    while (path.ends_with('/'))
        path.remove_suffix(1);
    return std::ranges::any_of(by_id_, [&](const auto& each) { return each.second->base.path == path; });
}

std::shared_ptr<Upstream> Sessions::upstream_for(const BaseUrl& base, const Secret& key) {
    std::erase_if(upstreams_, [](const auto& each) { return each.expired(); });
    for (const auto& each : upstreams_)
        if (auto upstream = each.lock(); upstream && upstream->is_for(base, key)) return upstream;
    auto made = std::make_shared<Upstream>(base, key, kept_);
    upstreams_.push_back(made);
    return made;
}

void Sessions::begun(const std::shared_ptr<Session>& session) {
    ++session->traffic.requests;
    due_->add(session);
}

void Sessions::spent(const std::shared_ptr<Session>& session, const Usage& more) {
    session->traffic.tokens.input += more.input;
    session->traffic.tokens.output += more.output;
    session->traffic.tokens.cached += more.cached;
    due_->add(session);
}

void Sessions::ended(const std::shared_ptr<Session>& session, const Exchanged& exchanged) {
    add(session->traffic, exchanged);
    due_->add(session);
}

std::optional<Traffic> Sessions::take_traffic() {
    const auto session = due_->take();
    if (!session) return std::nullopt;
    session->traffic.session = session->grant.session;
    session->traffic.streams = session->streams;
    session->traffic.latency.resize(latency_bounds_s.size() + 1);
    return std::exchange(session->traffic, {});
}

}  // namespace capsule::broker
