"""What every route uses: problem documents, request bodies, OpenAPI, paging, rate limits, identity, metrics and health."""
