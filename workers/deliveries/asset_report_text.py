"""The reports about a document that an LTI platform shows: that there is feedback, or why there is none.

Teachers see the second kind, students the first only. No report has a score.
"""

from __future__ import annotations

from typing import Any

from models.returns import DueReturn
from workers.deliveries.return_text import ready_line

# Of the specification, and one of ours for what the school itself does not allow.
UNSUPPORTED, TOO_LARGE, TOO_SMALL, NOT_FETCHED = (
    "UNSUPPORTED_ASSET_TYPE", "ASSET_TOO_LARGE", "ASSET_TOO_SMALL", "DOWNLOAD_FAILED",
)  # fmt: skip
NOT_TAKEN = "NOT_TAKEN"
TYPE = "essaycoach"
TITLE = "EssayCoach"
_CODES = {
    "file_unsupported": UNSUPPORTED,
    "file_unreadable": UNSUPPORTED,
    "file_encrypted": UNSUPPORTED,
    "file_too_large": TOO_LARGE,
    "essay_too_long": TOO_LARGE,
    "file_no_text": TOO_SMALL,
    "no_text": TOO_SMALL,
    "address_refused": NOT_FETCHED,
}
_COMMENTS = {
    "en": {
        UNSUPPORTED: "EssayCoach cannot read this document. It reads DOCX, ODT, RTF, PDF, HTML and plain text without a password.",
        TOO_LARGE: "This document is too large for EssayCoach: 20 MB and 100,000 characters are the most.",
        TOO_SMALL: "EssayCoach found no text in this document.",
        NOT_FETCHED: "EssayCoach could not fetch this document. Send it again.",
        NOT_TAKEN: "EssayCoach did not take this hand-in. Ask an admin of your school.",
    },
    "de": {
        UNSUPPORTED: "EssayCoach kann dieses Dokument nicht lesen. Es liest DOCX, ODT, RTF, PDF, HTML und reinen Text ohne Passwort.",
        TOO_LARGE: "Dieses Dokument ist zu groß für EssayCoach: höchstens 20 MB und 100.000 Zeichen.",
        TOO_SMALL: "EssayCoach hat in diesem Dokument keinen Text gefunden.",
        NOT_FETCHED: "EssayCoach konnte dieses Dokument nicht abholen. Schicken Sie es noch einmal.",
        NOT_TAKEN: "EssayCoach hat diese Abgabe nicht angenommen. Fragen Sie eine Administratorin oder einen Administrator Ihrer Schule.",
    },
    "es": {
        UNSUPPORTED: "EssayCoach no puede leer este documento. Lee DOCX, ODT, RTF, PDF, HTML y texto sin formato, sin contraseña.",
        TOO_LARGE: "Este documento es demasiado grande para EssayCoach: como máximo 20 MB y 100.000 caracteres.",
        TOO_SMALL: "EssayCoach no encontró texto en este documento.",
        NOT_FETCHED: "EssayCoach no pudo descargar este documento. Envíelo otra vez.",
        NOT_TAKEN: "EssayCoach no aceptó esta entrega. Pregunte a un administrador de su centro.",
    },
    "ar": {
        UNSUPPORTED: "لا يستطيع EssayCoach قراءة هذا المستند. يقرأ DOCX وODT وRTF وPDF وHTML والنص العادي بلا كلمة مرور.",
        TOO_LARGE: "هذا المستند أكبر مما يقبله EssayCoach: الحد الأقصى 20 ميغابايت و100,000 حرف.",
        TOO_SMALL: "لم يجد EssayCoach نصًا في هذا المستند.",
        NOT_FETCHED: "لم يتمكن EssayCoach من جلب هذا المستند. أرسله مرة أخرى.",
        NOT_TAKEN: "لم يقبل EssayCoach هذا التسليم. اسأل مشرف مدرستك.",
    },
}


def processed_report(asset: str, due: DueReturn, *, time: str) -> dict[str, Any]:
    """Return the report that the student can read the feedback now."""
    return _report(asset, time) | {
        "processingProgress": "Processed", "comment": ready_line(due), "visibleToOwner": True,
    }  # fmt: skip


def failed_report(asset: str, *, code: str, time: str, language: str) -> dict[str, Any]:
    """Return the report that the hand-in was not taken, with a sentence for its teacher in the school's language."""
    comments = _COMMENTS.get(language.partition("-")[0], _COMMENTS["en"])
    return _report(asset, time) | {
        "processingProgress": "Failed", "errorCode": code, "comment": comments[code], "visibleToOwner": False,
    }  # fmt: skip


def error_code(reason: str) -> str:
    """Return the code for why an arrival was refused or given up."""
    return _CODES.get(reason, NOT_FETCHED if reason.startswith("lms_") else NOT_TAKEN)


def _report(asset: str, time: str) -> dict[str, Any]:
    return {"assetId": asset, "type": TYPE, "timestamp": time, "priority": 0, "title": TITLE}
