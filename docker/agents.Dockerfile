# The capsule image with the agents in it. From the repository's root, after docker/Dockerfile:
#
#   docker build -f docker/agents.Dockerfile -t my-capsule docker
#
# Add what your projects need. Agents belong where only root can write: npm --global puts them there. The versions are
# those that the tests know. Others: --build-arg CODEX=0.161.0, --build-arg CLAUDE_CODE=latest. Fewer agents:
# --build-arg AGENTS="@openai/codex@0.171.0".
ARG BASE=capsule
FROM ${BASE}
ARG CLAUDE_CODE=2.1.332
ARG CODEX=0.171.0
ARG OPENCODE=1.18.33
ARG AGENTS="@anthropic-ai/claude-code@${CLAUDE_CODE} @openai/codex@${CODEX} opencode-ai@${OPENCODE}"
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git nodejs npm \
    && npm install --global $AGENTS \
    && npm cache clean --force && rm -rf /var/lib/apt/lists/*
