<?php
// Sign hand-ins to EssayCoach and verify its webhooks (Standard Webhooks). Needs PHP 8.0 or newer, and no package.
//
// SECRET=whsec_… php webhooks.php hand-in https://…/v1/webhooks/SOURCE EVENT_ID < event.json
// SECRETS="whsec_new whsec_old" php webhooks.php verify ID TIMESTAMP SIGNATURES < body

declare(strict_types=1);

namespace EssayCoach;

/** Return the signature of these bytes, as it stands in webhook-signature. */
function sign(string $secret, string $eventId, string $timestamp, string $body): string
{
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    if (strlen($key) < 24) {
        throw new \UnexpectedValueException('The secret is missing or too short.');
    }
    return 'v1,' . base64_encode(hash_hmac('sha256', "$eventId.$timestamp.$body", $key, true));
}

/** Send an event and return the status and the answer. Repeat with the same $eventId: nothing is stored twice. */
function hand_in(string $url, string $secret, string $eventId, string $body): array
{
    $timestamp = (string) time();
    $headers = [
        'Content-Type: application/json',
        "webhook-id: $eventId",
        "webhook-timestamp: $timestamp",
        'webhook-signature: ' . sign($secret, $eventId, $timestamp, $body),
    ];
    $stream = fopen($url, 'rb', false, stream_context_create(['http' => [
        'method' => 'POST', 'header' => $headers, 'content' => $body,
        'timeout' => 30, 'ignore_errors' => true, 'follow_location' => 0,
    ]]));
    if ($stream === false) {
        throw new \RuntimeException("No answer from $url.");
    }
    $status = (int) explode(' ', stream_get_meta_data($stream)['wrapper_data'][0])[1];
    return [$status, stream_get_contents($stream)];
}

/**
 * Throw an exception unless one of $secrets signed these bytes within the last five minutes.
 *
 * $body is the body as it came, before anything parsed it: file_get_contents('php://input').
 * The others are the three webhook- headers, '' if missing: $_SERVER['HTTP_WEBHOOK_ID'] ?? '' and so on.
 */
function verify(array $secrets, string $eventId, string $timestamp, string $signatures, string $body): void
{
    if (!preg_match('/\A[0-9]{1,12}\z/', $timestamp) || abs(time() - (int) $timestamp) > 300) {
        throw new \UnexpectedValueException("The timestamp is not within five minutes of this computer's time.");
    }
    $found = false;
    foreach ($secrets as $secret) {
        $expected = sign($secret, $eventId, $timestamp, $body);
        foreach (explode(' ', $signatures) as $received) {
            // hash_equals takes as long for a wrong signature as for a nearly right one.
            $found = hash_equals($expected, $received) || $found;
        }
    }
    if (!$found) {
        throw new \UnexpectedValueException('No signature matches these bytes.');
    }
}

function main(string $command, string ...$parts): int
{
    $body = file_get_contents('php://stdin');
    if ($command === 'hand-in') {
        [$status, $text] = hand_in($parts[0], (string) getenv('SECRET'), $parts[1], $body);
        echo "$status\n$text\n";
        return $status < 300 ? 0 : 1;
    }
    try {
        verify(explode(' ', (string) getenv('SECRETS')), $parts[0], $parts[1], $parts[2], $body);
    } catch (\UnexpectedValueException $refusal) {
        echo $refusal->getMessage(), "\n";
        return 1;
    }
    echo "verified\n";
    return 0;
}

if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    exit(main(...array_slice($argv, 1)));
}
