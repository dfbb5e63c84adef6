// Sign hand-ins to EssayCoach and verify its webhooks (Standard Webhooks). Needs Go 1.19 or newer, and no module.
//
//	SECRET=whsec_… go run webhooks.go hand-in https://…/v1/webhooks/SOURCE EVENT_ID < event.json
//	SECRETS="whsec_new whsec_old" go run webhooks.go verify ID TIMESTAMP SIGNATURES < body
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Sign returns the signature of these bytes, as it stands in webhook-signature.
func Sign(secret, eventID, timestamp string, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 {
		return "", errors.New("the secret is missing, too short or not base64")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(eventID + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// HandIn sends an event and returns the status and the answer. Repeat with the same eventID: nothing is stored twice.
func HandIn(url, secret, eventID string, body []byte) (int, string, error) {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	signature, err := Sign(secret, eventID, timestamp, body)
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("webhook-id", eventID)
	request.Header.Set("webhook-timestamp", timestamp)
	request.Header.Set("webhook-signature", signature)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := http.Client{Timeout: 30 * time.Second, CheckRedirect: stay}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// Verify returns an error unless one of the secrets signed these bytes within the last five minutes.
//
// body is the body as it came, before anything parsed it: io.ReadAll(request.Body).
// The others are the three webhook- headers: request.Header.Get("webhook-id") and so on.
func Verify(secrets []string, eventID, timestamp, signatures string, body []byte) error {
	sent, err := strconv.ParseUint(timestamp, 10, 40)
	if age := time.Now().Unix() - int64(sent); err != nil || age > 300 || age < -300 {
		return errors.New("the timestamp is not within five minutes of this computer's time")
	}
	found := false
	for _, secret := range secrets {
		expected, err := Sign(secret, eventID, timestamp, body)
		if err != nil {
			return err
		}
		for _, received := range strings.Split(signatures, " ") {
			// hmac.Equal takes as long for a wrong signature as for a nearly right one.
			found = hmac.Equal([]byte(expected), []byte(received)) || found
		}
	}
	if !found {
		return errors.New("no signature matches these bytes")
	}
	return nil
}

func run(command string, parts []string) error {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if command == "hand-in" {
		status, text, err := HandIn(parts[0], os.Getenv("SECRET"), parts[1], body)
		if err != nil {
			return err
		}
		fmt.Printf("%d\n%s\n", status, text)
		if status >= 300 {
			return errors.New("the event was not taken")
		}
		return nil
	}
	if err := Verify(strings.Fields(os.Getenv("SECRETS")), parts[0], parts[1], parts[2], body); err != nil {
		return err
	}
	fmt.Println("verified")
	return nil
}

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
