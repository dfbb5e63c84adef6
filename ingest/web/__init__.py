"""What every route uses: problem documents, request bodies, OpenAPI, pagination, rate limits, identity, metrics and health."""
