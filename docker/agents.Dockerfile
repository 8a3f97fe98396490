# The capsule image with the agents in it. From the repository's root, after docker/Dockerfile:
#
#   docker build -f docker/agents.Dockerfile -t my-capsule docker
#
# Add what your projects need. Agents belong where root alone can write, as npm --global puts them. To pin them:
# --build-arg AGENTS="@anthropic-ai/claude-code@2.1.332 …"
ARG BASE=capsule
FROM ${BASE}
ARG AGENTS="@anthropic-ai/claude-code @openai/codex opencode-ai"
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git nodejs npm \
    && npm install --global $AGENTS \
    && npm cache clean --force && rm -rf /var/lib/apt/lists/*
