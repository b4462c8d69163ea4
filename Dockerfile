# syntax=docker/dockerfile:1
# A release pins the base by its digest: --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24-bookworm-slim

# Plain JavaScript and nothing that is compiled: built once, on the machine that builds, for all platforms.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json ./
COPY .config .config
COPY src src
RUN npm ci && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git openssh-client tini \
  && rm -rf /var/lib/apt/lists/* \
  # ssh refuses to run for a user that has no name.
  && useradd --uid 65532 --user-group --create-home modelpromotion
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY LICENSE ./
COPY crds crds
ENV NODE_ENV=production MODELPROMOTION_LISTEN=:8080
USER 65532:65532
EXPOSE 8080
# V8 then keeps little of what it no longer needs: half the memory for ten thousand promotions (docs/performance.md).
ENTRYPOINT ["/usr/bin/tini", "--", "node", "--enable-source-maps", "--optimize-for-size", "dist/main.js"]
CMD ["run"]
