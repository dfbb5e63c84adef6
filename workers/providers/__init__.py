"""Providers: who answers a pass, and what a call to them costs.

Lives here:
    contract      the Provider protocol, the reply, and the errors that say what the worker does next
    choice        the provider that an org's AI policy asks for
    claude        Claude over HTTP, with the decision table for everything that can come back
    wire, batches parsing of the vendor's messages, event streams and batch results
    prompt_cache  a gate that lets one call write a shared prefix before others read it from the vendor's prompt cache
    prices        costs in micro-dollars, from prices.json
    ensemble      Claude and the local engine together on one grammar pass
    local/        the local engine: rules that run in this process
May not: know the database, or retry and wait by itself; `workers/job` does both.
Start with: `contract.Provider`, `choice.ProviderChooser`, `claude.ClaudeProvider`.
"""
