#!/usr/bin/env bash
# Sign hand-ins to EssayCoach and verify its webhooks (Standard Webhooks). Needs bash, openssl, od and curl.
#
# SECRET=whsec_… bash webhooks.sh hand-in https://…/v1/webhooks/SOURCE EVENT_ID < event.json
# SECRETS="whsec_new whsec_old" bash webhooks.sh verify ID TIMESTAMP SIGNATURES < body
set -efuo pipefail
export LC_ALL=C

# Print the key, filled with zeros to 64 bytes, each byte combined with a number. The key is given in hexadecimal.
pad() {
    local key byte i
    printf -v key '%s%0128d' "$1" 0
    for ((i = 0; i < 128; i += 2)); do
        printf -v byte '\\x%02x' $((16#${key:i:2} ^ $2))
        printf %b "$byte"
    done
}

# Print the HMAC-SHA256 of the standard input. Only bash sees the key: whatever stands in the command line of a program,
# such as openssl's option -macopt, can be read by everybody on this machine.
hmac() {
    { pad "$1" 0x5c; { pad "$1" 0x36; cat; } | openssl dgst -sha256 -binary; } | openssl dgst -sha256 -binary
}

# Print the signature of the standard input, as it stands in webhook-signature.
sign() { # SECRET EVENT_ID TIMESTAMP
    local key
    key=$(printf %s "${1#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    # 24 to 64 bytes, as Standard Webhooks asks; HMAC treats longer keys in another way.
    ((${#key} >= 48 && ${#key} <= 128)) || { echo "The secret is missing, too short or too long."; return 1; } >&2
    printf v1,%s "$({ printf %s "$2.$3."; cat; } | hmac "$key" | openssl base64 -A)"
}

# Send the event in a file and print the status and the answer. Repeat with the same EVENT_ID: nothing is stored twice.
hand_in() { # URL EVENT_ID FILE
    local timestamp signature answer
    timestamp=$(date +%s)
    signature=$(sign "$SECRET" "$2" "$timestamp" <"$3") || return 1
    answer=$(curl -sS --max-time 30 -w '\n%{http_code}' --data-binary "@$3" -H 'Content-Type: application/json' \
        -H "webhook-id: $2" -H "webhook-timestamp: $timestamp" -H "webhook-signature: $signature" "$1")
    printf '%s\n%s\n' "${answer##*$'\n'}" "${answer%$'\n'*}"
    [[ ${answer##*$'\n'} == 2* ]]
}

# Fail unless one of SECRETS signed the file within the last five minutes.
verify() { # ID TIMESTAMP SIGNATURES FILE
    local age nonce secret expected received found=no
    if ! [[ $2 =~ ^[0-9]{1,12}$ ]] || ! age=$(($(date +%s) - 10#$2)) || ((age > 300 || age < -300)); then
        echo "The timestamp is not within five minutes of this computer's time."
        return 1
    fi
    # Comparing two texts takes longer the more of them is equal. The HMACs of the two with a random key give nothing away.
    nonce=$(openssl rand -hex 64) || return 1
    for secret in $SECRETS; do
        expected=$(sign "$secret" "$1" "$2" <"$4" | hmac "$nonce" | openssl base64 -A) || return 1
        for received in $3; do
            [[ $(printf %s "$received" | hmac "$nonce" | openssl base64 -A) == "$expected" ]] && found=yes
        done
    done
    [[ $found == yes ]] || { echo "No signature matches these bytes."; return 1; }
    echo verified
}

# A file keeps the body as it came; a variable of bash would lose its last newlines.
body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat >"$body"
case $1 in
    hand-in) hand_in "$2" "$3" "$body" ;;
    verify) verify "$2" "$3" "$4" "$body" ;;
esac
