"""Tables for language detection, names of languages, and the sentences that tell a student why nothing was checked."""

from __future__ import annotations

# The most frequent function words of each language in Latin script. A word may belong to several languages.
COMMON = {
    language: frozenset(words.split())
    for language, words in {
        "en": """the and to of that this these those are was were with they their them you your have has had not but for be
            been from which would should could because when what who will can there then than people about into also or if by
            it its he she we our i my his her how why where do does did very some any more most many other in is a on at as so
            me him us all one go no""",
        "de": """der die das und ist nicht ein eine einen einem einer zu den dem des mit sich auf für von im auch als es er sie
            wir ich ihr wie aber oder wenn dass weil nur noch nach bei aus um am war sind haben hat hatte wird werden kann man
            sehr mein meine über mir mich immer viele""",
        "fr": """le la les de des du et est un une que qui dans pour pas sur au aux avec il elle nous vous ils elles je ne ce
            cette ces se son sa ses mais ou où par plus comme tout être avoir sont était a ont fait d' l' c' qu' n' j' s' très mon ma
            mes on y leur""",
        "es": """el la los las de del que y en un una es no se por con para su sus lo al como más pero le ya o este esta porque
            cuando muy sin sobre también me hasta hay donde quien desde todo nos mi yo son está fue ser tiene todos él""",
        "it": """il lo la i gli le di del della dei delle che e è un una in non si per con sono da al alla come più ma anche ci
            mi ho ha se questo questa nel nella perché quando molto tutti essere suo sua io noi o dell' all' nell' l' un' c' era mio mia""",
        "pt": """o a os as de do da dos das que e é em um uma no na nos nas não se por com para seu sua ao como mais mas foi ou
            quando muito já eu também só pelo pela até isso ela ele entre sem mesmo são nós meu minha ser tem está porque
            todos""",
        "nl": """de het een en van ik te dat die in is niet zijn op aan met als voor had er maar om hem dan zou of wat mijn men
            dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb heeft hebben deze want nog kan wij we veel
            worden omdat was""",
        "sv": """och i att det som en på är av för med till den har de inte om ett han men var jag från så vi kan när år under
            också efter eller nu sin där vid mot ska hon dem mycket än då sig detta utan mig min alla vara hade""",
        "da": """og i at det som en på er af for med til den har de ikke om et han men var jeg fra så vi kan når år under også
            efter eller nu sin der hvor ved mod skal hun dem meget end da sig dette uden mig min alle være havde hvad""",
        "pl": """i w na z się nie do to że jest o jak po za od przez ale dla ich by już czy co są tak tylko jego był była było
            ze tego być może który która które oraz bardzo jej mnie mi ja my gdy kiedy też lub ponieważ mój moja ma""",
        "tr": """ve bir bu da de için ile çok olarak daha ne gibi olan en kadar var ama değil ben sen o biz onlar her şey sonra
            diye veya ki mi mı mu nasıl benim bizim zaman çünkü bana ise hem yok olduğu""",
    }.items()
}

# French and Italian words that occur only before an apostrophe.
ELIDED = frozenset(word for known in COMMON.values() for word in known if word.endswith("'"))
# Letters that few languages of the table share and that English does not have.
LETTERS = {
    language: frozenset(letters)
    for language, letters in {
        "en": "", "de": "äöüß", "fr": "âçêëîïôûœ", "es": "ñ", "it": "ìò", "pt": "âãçêõ", "nl": "", "sv": "åäö", "da": "åæø",
        "pl": "ąćęłńśźż", "tr": "çğıöşü",
    }.items()
}  # fmt: skip

ENGLISH_NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "sv": "Swedish", "pl": "Polish", "tr": "Turkish", "ru": "Russian", "uk": "Ukrainian", "ar": "Arabic", "he": "Hebrew",
    "el": "Greek", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "hi": "Hindi", "da": "Danish",
}  # fmt: skip
OWN_NAMES = {
    "en": "English", "de": "Deutsch", "fr": "français", "es": "español", "it": "italiano", "pt": "português",
    "nl": "Nederlands", "sv": "svenska", "pl": "polski", "tr": "Türkçe", "ru": "русский", "uk": "українська",
    "ar": "العربية", "he": "עברית", "el": "ελληνικά", "zh": "中文", "ja": "日本語", "ko": "한국어", "hi": "हिन्दी", "da": "dansk",
}  # fmt: skip
# Translations of: "This checker reads only English; this essay looks like another language (name), so it was not checked."
_NOT_ENGLISH_SENTENCES = {
    "de": "Diese Prüfung liest nur Englisch; der Text ist offenbar in einer anderen Sprache geschrieben ({name}) und wurde nicht geprüft.",
    "fr": "Ce contrôle ne lit que l’anglais ; le texte semble écrit dans une autre langue ({name}) et n’a pas été vérifié.",
    "es": "Esta revisión solo lee inglés; el texto parece escrito en otro idioma ({name}) y no se ha revisado.",
    "it": "Questo controllo legge solo l’inglese; il testo sembra scritto in un’altra lingua ({name}) e non è stato controllato.",
    "pt": "Esta revisão só lê inglês; o texto parece escrito em outra língua ({name}) e não foi revisto.",
    "nl": "Deze controle leest alleen Engels; de tekst lijkt in een andere taal geschreven ({name}) en is niet nagekeken.",
    "sv": "Den här kontrollen läser bara engelska; texten verkar vara skriven på ett annat språk ({name}) och har inte granskats.",
    "da": "Denne kontrol læser kun engelsk; teksten ser ud til at være skrevet på et andet sprog ({name}) og er ikke blevet tjekket.",
    "pl": "Ta kontrola czyta tylko po angielsku; tekst wygląda na napisany w innym języku ({name}) i nie został sprawdzony.",
    "tr": "Bu denetim yalnızca İngilizce okur; metin başka bir dilde yazılmış görünüyor ({name}) ve denetlenmedi.",
    "ru": "Эта проверка читает только по-английски; текст, похоже, написан на другом языке ({name}) и не был проверен.",
    "uk": "Ця перевірка читає лише англійською; текст, схоже, написано іншою мовою ({name}), тому його не перевірено.",
    "ar": "هذا المدقق يقرأ الإنجليزية فقط، ويبدو أن النص مكتوب بلغة أخرى ({name})، لذلك لم يُفحص.",
    "he": "הבדיקה הזאת קוראת אנגלית בלבד; נראה שהטקסט כתוב בשפה אחרת ({name}), ולכן הוא לא נבדק.",
    "el": "Αυτός ο έλεγχος διαβάζει μόνο αγγλικά, το κείμενο φαίνεται γραμμένο σε άλλη γλώσσα ({name}) και δεν ελέγχθηκε.",
    "zh": "此检查只能阅读英文，而这篇文章似乎是用其他语言（{name}）写的，因此没有检查。",
    "ja": "このチェックは英語だけに対応しており、この文章は別の言語（{name}）で書かれているようなので、確認していません。",
    "ko": "이 검사는 영어만 읽는데, 이 글은 다른 언어({name})로 쓰인 것 같아 검사하지 않았습니다.",
    "hi": "यह जाँच केवल अंग्रेज़ी पढ़ती है और लेख किसी दूसरी भाषा ({name}) में लिखा लगता है, इसलिए उसकी जाँच नहीं हुई।",
}
# The sentences for the other reasons why nothing was checked. `count` is the number of words.
_NOT_CHECKED_SENTENCES = {
    "en": {
        "blank": "There are no words in this essay yet, so nothing could be checked.",
        "unclear": "Most of this essay does not look like English, so it was not checked.",
        "copied_prompt": "Nearly all of this text repeats the assignment, so there is no writing of your own to check yet.",
        "tiny": "The text is too short (words: {count}) to say anything about it.",
        "tiny_whole": "The text is too short (words: {count}) to say something about structure and content.",
    },
    "de": {
        "blank": "In diesem Text stehen noch keine Wörter, deshalb konnte nichts geprüft werden.",
        "unclear": "Der größte Teil dieses Textes sieht nicht nach Englisch aus, deshalb wurde er nicht geprüft.",
        "copied_prompt": "Fast der ganze Text wiederholt die Aufgabe, deshalb gibt es noch nichts Eigenes zu prüfen.",
        "tiny": "Der Text ist zu kurz (Wörter: {count}), um etwas dazu zu sagen.",
        "tiny_whole": "Der Text ist zu kurz (Wörter: {count}), um etwas über Aufbau und Inhalt zu sagen.",
    },
    "fr": {
        "blank": "Ce texte ne contient pas encore de mots, rien n’a donc pu être vérifié.",
        "unclear": "La plus grande partie de ce texte ne semble pas être en anglais, il n’a donc pas été vérifié.",
        "copied_prompt": "Presque tout ce texte répète la consigne, il n’y a donc encore rien de personnel à vérifier.",
        "tiny": "Le texte est trop court (mots : {count}) pour en dire quelque chose.",
        "tiny_whole": "Le texte est trop court (mots : {count}) pour parler de sa structure et de son contenu.",
    },
    "es": {
        "blank": "Este texto todavía no tiene palabras, así que no se ha podido revisar nada.",
        "unclear": "La mayor parte de este texto no parece inglés, así que no se ha revisado.",
        "copied_prompt": "Casi todo este texto repite el enunciado, así que todavía no hay nada propio que revisar.",
        "tiny": "El texto es demasiado corto (palabras: {count}) para decir algo de él.",
        "tiny_whole": "El texto es demasiado corto (palabras: {count}) para decir algo de su estructura y su contenido.",
    },
}


def not_checked(reason: str, feedback_language: str, *, count: int = 0) -> str:
    """Return the sentence for a reason of `_NOT_CHECKED_SENTENCES`, in the feedback language where translated, else in English.

    `count` is the number of words. Raises KeyError for an unknown reason.
    """
    return _NOT_CHECKED_SENTENCES.get(_primary_subtag(feedback_language), _NOT_CHECKED_SENTENCES["en"])[reason].format(
        count=count
    )


def not_english(language: str, feedback_language: str) -> str:
    """Return the sentence that says that the essay is in another language and was not checked.

    It is in the feedback language where translated, else in English. It gives the language's own name, in English the English
    name.
    """
    reader = _primary_subtag(feedback_language)
    code = _primary_subtag(language)
    if reader in _NOT_ENGLISH_SENTENCES:
        return _NOT_ENGLISH_SENTENCES[reader].format(name=OWN_NAMES.get(code, language))
    name = ENGLISH_NAMES.get(code, f"another language, {language}")
    return f"This checker reads only English, and this essay looks like {name}, so it was not checked."


def _primary_subtag(tag: str) -> str:
    return tag.replace("_", "-").lower().split("-")[0]
