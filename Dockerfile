# One image for every process; the command picks which: api, worker, migrate, seed, secrets, rtmp (the demo RTMP server).
FROM node:24-bookworm AS build
WORKDIR /manycast
COPY . .
# Installs the system packages that building needs, then builds what is not there. What runs is the Node.js of package.json.
RUN npm run setup && cp -L node_modules/.bin/node /usr/local/bin/node.pinned && npm prune --omit=dev --omit=optional

FROM node:24-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
      libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 \
      gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav \
      nginx libnginx-mod-rtmp \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/node.pinned /usr/local/bin/node
WORKDIR /manycast
# All of it belongs to root: no process of ours can change the program.
COPY --from=build /manycast/package.json ./
COPY --from=build /manycast/node_modules node_modules
COPY --from=build /manycast/dist dist
COPY --from=build /manycast/libs/build libs/build
COPY --from=build /manycast/prisma prisma
COPY docker docker
RUN mkdir -p /run/manycast /media && chown node:node /run/manycast
# The root file system may be read-only: GStreamer's registry is written beside the pipelines' sockets.
ENV NODE_ENV=production RUN_DIR=/run/manycast MEDIA_DIR=/media GST_REGISTRY=/run/manycast/gstreamer.registry
USER node
ENTRYPOINT ["docker/entrypoint.sh"]
CMD ["api"]
