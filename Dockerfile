# Node 22 is the newest long-term release that all our libraries are tested on. Debian, not Alpine: the same libc as everywhere else.
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts would build, which needs the sources, and link the embedded PostgreSQL, which a container does not run.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:22-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# --omit=optional leaves out the 60 MB of the embedded PostgreSQL: here DATABASE_URL names a server.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:22-slim
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY bin ./bin
COPY database ./database
COPY --from=build /app/dist ./dist
# The image brings this user; nothing in /app belongs to it, so that the program cannot change itself.
USER node
EXPOSE 3000
ENTRYPOINT ["node", "bin/customer-analyzer.js"]
CMD ["start"]
