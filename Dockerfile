FROM node:24-slim AS graphiql
WORKDIR /app/web/graphiql
# Packages are installed again only if these files change.
COPY web/graphiql/package.json web/graphiql/package-lock.json ./
RUN npm ci
COPY web/graphiql .
RUN npm run build

FROM node:24-slim AS dashboard
WORKDIR /app/web/dashboard
COPY web/dashboard/package.json web/dashboard/package-lock.json ./
RUN npm ci
# Its types, requests and rules are generated from the schema.
COPY schema.graphql /app/
COPY web/dashboard .
RUN npm run build

FROM python:3.11-slim AS dependencies
COPY requirements.txt .
# Only wheels, because the image has no compiler.
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --require-hashes --only-binary=:all: --prefix=/dependencies -r requirements.txt

FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=dependencies /dependencies /usr/local
WORKDIR /app
# It has the version, which the metrics show.
COPY pyproject.toml .
COPY graphql_api graphql_api
COPY --from=graphiql /app/graphql_api/http/graphiql_build graphql_api/http/graphiql_build
COPY --from=dashboard /app/graphql_api/http/dashboard_build graphql_api/http/dashboard_build
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "graphql_api", "serve"]
