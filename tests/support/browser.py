"""A real browser without a window, driven over its debugging pipe, so that a test needs no driver program."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_ANSWER_SECONDS = 60
# The browser reads commands from descriptor 3 and writes answers to 4.
_CONNECT = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """One browser with one page. Downloads go into `folder`; `requests` lists every address that the page asked for."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM is not None
        self.requests: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._last, self._buffer = 0, b""
        # High numbers, so that none of them is 3 or 4.
        ours_out, theirs_in, theirs_out, ours_in = self._pipes()
        self._write, self._read = ours_in, ours_out
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CONNECT, str(theirs_in), str(theirs_out), CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._session = ""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)

    @staticmethod
    def _pipes() -> tuple[int, int, int, int]:
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        high = []
        for number in (ours_out, theirs_in, theirs_out, ours_in):
            high.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 20))
            os.close(number)
        return high[0], high[1], high[2], high[3]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol and return its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(event["params"]["request"]["url"])
        self._events.append(event)

    def _next(self) -> dict[str, Any]:
        ends = time.monotonic() + _ANSWER_SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(ends - time.monotonic(), 0))
            piece = os.read(self._read, 65536) if ready else b""
            assert piece, "the browser does not answer"
            self._buffer += piece
        raw, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(raw))

    def wait_for(self, method: str, **expected: Any) -> dict[str, Any]:
        """Return the parameters of the next event of this name that has these values."""
        while True:
            for number, event in enumerate(self._events):
                found = event.get("params", {})
                if event.get("method") == method and all(found.get(name) == value for name, value in expected.items()):
                    del self._events[: number + 1]
                    return dict(found)
            self._note(self._next())

    def problems(self) -> list[str]:
        """Return what the page wrote into the console or threw, and what its security policy stopped."""
        self.run("0")
        return [
            json.dumps(event["params"])
            for event in self._events
            if event.get("method") in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
        ]

    def open(self, page: Path | str, *, width: int = 1280, height: int = 900) -> None:
        """Show a file or an address as a window of this size would, and wait until it is loaded."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self._events.clear()
        self.send("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        self.wait_for("Page.loadEventFired")

    def prefer(self, scheme: str) -> None:
        """Let pages see the wish for a `light` or a `dark` appearance."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self) -> bytes:
        """Return the whole page as PNG."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.send("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after another, as a person does; a key is one character or a name such as Tab."""
        codes = {"Tab": 9, "Enter": 13, "ArrowRight": 39}
        for key in keys:
            code = codes.get(key, ord(key[0].upper()))
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            down = {"text": text} if text else {}
            self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **down)
            self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse, after scrolling to it."""
        place = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); one.scrollIntoView({{block: 'center'}});"
            " const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Insert text where the focus is."""
        self.send("Input.insertText", text=text)

    def close(self) -> None:
        """Stop the browser and wait for its end."""
        self._process.terminate()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
