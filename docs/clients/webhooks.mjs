// Sign hand-ins to EssayCoach and verify its webhooks (Standard Webhooks). Needs Node.js 18 or newer, and no package.
//
// SECRET=whsec_… node webhooks.mjs hand-in https://…/v1/webhooks/SOURCE EVENT_ID < event.json
// SECRETS="whsec_new whsec_old" node webhooks.mjs verify ID TIMESTAMP SIGNATURES < body

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Return the signature of these bytes (a Buffer), as it stands in webhook-signature. */
export function sign(secret, eventId, timestamp, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  if (key.length < 24) {
    throw new Error("The secret is missing or too short.");
  }
  return "v1," + createHmac("sha256", key).update(`${eventId}.${timestamp}.`).update(body).digest("base64");
}

/** Send an event and return the status and the answer. Repeat with the same `eventId`: nothing is stored twice. */
export async function handIn(url, secret, eventId, body) {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const headers = {
    "Content-Type": "application/json",
    "webhook-id": eventId,
    "webhook-timestamp": timestamp,
    "webhook-signature": sign(secret, eventId, timestamp, body),
  };
  const signal = AbortSignal.timeout(30_000);
  const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
  return { status: answer.status, text: await answer.text() };
}

/**
 * Throw an error unless one of `secrets` signed these bytes within the last five minutes.
 *
 * `body` is the body as it came, before anything parsed it: a Buffer. The others are the three webhook- headers, "" if missing.
 */
export function verify(secrets, eventId, timestamp, signatures, body) {
  if (!/^[0-9]{1,12}$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) {
    throw new Error("The timestamp is not within five minutes of this computer's time.");
  }
  const received = signatures.split(" ").map((one) => Buffer.from(one));
  const expected = secrets.map((secret) => Buffer.from(sign(secret, eventId, timestamp, body)));
  // timingSafeEqual takes as long for a wrong signature as for a nearly right one.
  const matches = (ours) => received.filter((one) => one.length === ours.length && timingSafeEqual(one, ours));
  if (expected.flatMap(matches).length === 0) {
    throw new Error("No signature matches these bytes.");
  }
}

async function main([command, ...parts]) {
  const body = readFileSync(0);
  if (command === "hand-in") {
    const { status, text } = await handIn(parts[0], process.env.SECRET ?? "", parts[1], body);
    console.log(`${status}\n${text}`);
    return status < 300 ? 0 : 1;
  }
  try {
    verify((process.env.SECRETS ?? "").split(" "), ...parts, body);
  } catch (refusal) {
    console.log(refusal.message);
    return 1;
  }
  console.log("verified");
  return 0;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}
