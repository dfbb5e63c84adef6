"""Test essays in other languages with longer and harder texts. All texts here are written for these tests."""

from __future__ import annotations

import time

import pytest

from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.local.language import LOOKED_AT, detect_language
from workers.providers.local.provider import LocalProvider
from workers.providers.local.tongues import ENGLISH_NAMES, OWN_NAMES

TEXTS = {
    "en": ("In our village everybody knows everybody. That sounds nice, but sometimes I wish nobody knew my name.",
           "Last summer we visited my grandmother. She showed us how bread is baked.",
           "Phones distract pupils. Teachers should be allowed to collect them before a lesson starts."),
    "de": ("In unserem Dorf kennt jeder jeden. Das klingt schön, aber manchmal wünsche ich mir das Gegenteil.",
           "Letzten Sommer besuchten wir meine Großmutter. Sie zeigte uns, wie man Brot backt.",
           "Handys lenken Schüler ab. Lehrer sollten sie vor dem Unterricht einsammeln dürfen."),
    "fr": ("Dans notre village, tout le monde se connaît. C’est agréable, mais parfois j’aimerais être seul.",
           "L'été dernier, nous avons rendu visite à ma grand-mère. Elle nous a montré comment on fait le pain.",
           "Les téléphones distraient les élèves. Il faudrait que les professeurs puissent les ramasser avant le cours."),
    "es": ("En nuestro pueblo todos se conocen. Suena bonito, pero a veces prefiero que nadie sepa mi nombre.",
           "El verano pasado visitamos a mi abuela. Ella nos enseñó cómo se hace el pan.",
           "Los móviles distraen a los alumnos. Los profesores deberían recogerlos antes de la clase."),
    "it": ("Nel nostro paese tutti si conoscono. È bello, ma a volte vorrei che nessuno sapesse il mio nome.",
           "L'estate scorsa siamo andati dalla nonna. Ci ha mostrato come si fa il pane.",
           "I telefoni distraggono gli alunni. Gli insegnanti dovrebbero raccoglierli prima della lezione."),
    "pt": ("Na nossa aldeia todos se conhecem. Parece bonito, mas às vezes eu queria que ninguém soubesse o meu nome.",
           "No verão passado visitámos a minha avó. Ela mostrou como se faz o pão.",
           "Os telemóveis distraem os alunos. Os professores deviam poder recolhê-los antes da aula."),
    "nl": ("In ons dorp kent iedereen elkaar. Dat klinkt mooi, maar soms wil ik dat niemand mijn naam kent.",
           "Vorige zomer gingen we naar mijn oma. Ze liet ons zien hoe je brood bakt.",
           "Telefoons leiden leerlingen af. Leraren zouden ze voor de les moeten mogen innemen."),
    "sv": ("I vår by känner alla varandra. Det låter fint, men ibland önskar jag att ingen visste vad jag heter.",
           "Förra sommaren hälsade vi på min mormor. Hon visade oss hur man bakar bröd.",
           "Mobiler stör eleverna. Lärare borde få samla in dem innan lektionen börjar."),
    "da": ("I vores landsby kender alle hinanden. Det lyder godt, men nogle gange ville jeg ønske, at ingen kendte mit navn.",
           "Sidste sommer besøgte vi min mormor. Hun viste os, hvordan man bager brød.",
           "Mobiler forstyrrer eleverne. Lærere burde have lov til at samle dem ind før timen."),
    "pl": ("W naszej wsi wszyscy się znają. To brzmi ładnie, ale czasem wolę, żeby nikt nie znał mojego imienia.",
           "Zeszłego lata byliśmy u mojej babci. Ona pokazała nam, jak się piecze chleb.",
           "Telefony przeszkadzają uczniom. Nauczyciele powinni móc je zebrać przed lekcją, bo to pomaga w nauce."),
    "tr": ("Bizim köyde herkes birbirini tanır. Bu güzel bir şey ama bazen kimse adımı bilmesin isterim.",
           "Geçen yaz büyükannemi ziyaret ettik. O bize ekmek nasıl yapılır gösterdi.",
           "Telefonlar öğrencilerin dikkatini dağıtıyor. Öğretmenler ders için onları toplamalı."),
    "ru": ("В нашей деревне все друг друга знают. Это приятно, но иногда мне хочется побыть одному.",
           "Прошлым летом мы были у бабушки. Она показала нам, как пекут хлеб.",
           "Телефоны отвлекают учеников. Учителя должны собирать их перед уроком."),
    "uk": ("У нашому селі всі знають одне одного. Це приємно, але іноді мені хочеться побути на самоті.",
           "Минулого літа ми були в бабусі. Вона показала нам, як печуть хліб.",
           "Телефони відволікають учнів. Учителі повинні збирати їх перед уроком."),
    "ar": ("في قريتنا يعرف الجميع بعضهم بعضا. هذا جميل، لكنني أحيانا أريد أن أكون وحدي.",
           "في الصيف الماضي زرنا جدتي. علمتنا كيف نصنع الخبز.", "الهواتف تشغل التلاميذ عن الدرس."),
    "he": ("בכפר שלנו כולם מכירים את כולם. זה נחמד, אבל לפעמים אני רוצה להיות לבד.",
           "בקיץ שעבר ביקרנו את סבתא. היא לימדה אותנו לאפות לחם.", "הטלפונים מפריעים לתלמידים."),
    "el": ("Στο χωριό μας όλοι γνωρίζονται. Είναι ωραίο, αλλά μερικές φορές θέλω να είμαι μόνος.",
           "Το περασμένο καλοκαίρι πήγαμε στη γιαγιά μου.", "Τα κινητά αποσπούν τους μαθητές."),
    "zh": ("在我们村里，大家都互相认识。这很好，但有时候我想一个人待着。", "去年夏天我们去看奶奶，她教我们做面包。", "手机让学生分心。"),
    "ja": ("私の村では、みんなが知り合いです。それはいいことですが、一人になりたい時もあります。",
           "去年の夏、祖母の家に行きました。", "スマートフォンは授業の邪魔になる。"),
    "ko": ("우리 마을에서는 모두가 서로를 압니다. 좋은 일이지만 가끔은 혼자 있고 싶습니다.",
           "지난여름에 할머니 댁에 갔습니다.", "휴대전화는 수업을 방해한다."),
    "hi": ("हमारे गाँव में सब एक दूसरे को जानते हैं। यह अच्छा है, लेकिन कभी मैं अकेला रहना चाहता हूँ।",
           "पिछली गर्मियों में हम दादी के घर गए।", "फ़ोन से छात्रों का ध्यान भटकता है।"),
}  # fmt: skip
PLAIN = "My uncle wrote to us last week and we did not know what it means, so we asked the teacher about it. "


@pytest.mark.parametrize(("language", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_language_of_three_short_texts_is_detected(language: str, text: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize("text", [
    "I no like school because teacher no explain good and I not understand nothing.",
    "yesterday i goed to the market whit my sister and we buyed much apple",
    "Me and my friend we go always on the weekend in the park for play football.",
    "Hola amigos, me llamo Juan and I live in Madrid with my family and my dog.",
    "In die school the kids are heel blij and they play buiten every day with de ball.",
    "My favourite dish is crème brûlée, but my mother prefers Käsespätzle, jalapeños and smørrebrød.",
    "It's the school's fault, I'd say, and they'll hear that we've had enough of the teacher's jokes.",
    'Her book "Der Hund schläft nicht unter dem Tisch" is about a dog and what it does when they are all asleep.',
])  # fmt: skip
def test_faulty_and_mixed_english_is_english(text: str) -> None:
    assert detect_language(text) == "en"


@pytest.mark.parametrize("text", [
    "De la Cruz met Van der Berg and Von dem Bussche in Los Angeles and San Diego, El Paso, Las Vegas.",
    "Señor Núñez and Doña Inés met José Peña in Logroño with señora Muñoz.",
])  # fmt: skip
def test_foreign_names_do_not_make_a_sentence_foreign(text: str) -> None:
    assert detect_language(text) in {"en", None}


@pytest.mark.parametrize(("language", "text"), [
    ("de", 'Der Film "The Lord of the Rings" ist sehr gut, weil die Figuren interessant sind.'),
    ("fr", 'J’ai regardé "The Lord of the Rings" avec mon frère et nous avons adoré.'),
    ("ja", "昨日「The Lord of the Rings」という映画を見ました。とても長かったですが、面白かったです。"),
])  # fmt: skip
def test_an_english_title_does_not_make_an_essay_english(language: str, text: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize("text", [
    "در روستای ما همه یکدیگر را می‌شناسند و این خوب است.", "ہمارے گاؤں میں سب ایک دوسرے کو جانتے ہیں۔",
    "В нашето село всички се познават. Това звучи хубаво, но понякога искам да бъда сам.",
    "У нашој школи ђаци воле да певају, јер је њихова учитељица весела.",
    "Kylässämme kaikki tuntevat toisensa. Se kuulostaa mukavalta, mutta joskus haluan olla yksin.",
    "A falunkban mindenki ismer mindenkit. Ez jól hangzik, de néha egyedül szeretnék lenni.",
])  # fmt: skip
def test_unknown_language_gets_no_name(text: str) -> None:
    assert detect_language(text) is None


def test_every_language_has_names_and_texts() -> None:
    assert len(ENGLISH_NAMES) == 20
    assert set(ENGLISH_NAMES) == set(OWN_NAMES) == set(TEXTS)
    assert min(len(texts) for texts in TEXTS.values()) == 3


@pytest.mark.parametrize("unit", ["a", "a ", "'a", "'", "я", "字", "é ", "ü'"])
def test_language_detection_takes_bounded_time_on_long_texts(unit: str) -> None:
    began = time.process_time()
    detect_language(unit * 50 * LOOKED_AT)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("name", PassName)
@pytest.mark.parametrize("declared", ["en", "fr"])
def test_danish_text_is_not_checked_whatever_language_is_declared(
    provider: LocalProvider, declared: str, name: PassName
) -> None:
    answer = provider.ask(PassRequest(pass_name=name, text=" ".join(TEXTS["da"]) * 3, language=declared)).answer
    assert not answer.comments
    assert answer.not_checked == (
        "This checker reads only English, and this essay looks like Danish, so it was not checked.",
    )


def test_english_essay_declared_as_german_is_checked(provider: LocalProvider) -> None:
    request = PassRequest(
        pass_name=PassName.GRAMMAR, text=PLAIN + "I recieve it.", language="de", feedback_language="de"
    )
    assert "recieve" in [comment.span.quote for comment in provider.ask(request).answer.comments]


@pytest.mark.parametrize(("reader", "blank", "tiny", "unclear", "copied"), [
    ("en", "no words", "too short (words: 5)", "not look like English", "repeats the assignment"),
    ("de-AT", "keine Wörter", "zu kurz (Wörter: 5)", "nicht nach Englisch", "wiederholt die Aufgabe"),
    ("fr", "pas encore de mots", "trop court (mots : 5)", "en anglais", "répète la consigne"),
    ("es", "no tiene palabras", "demasiado corto (palabras: 5)", "no parece inglés", "repite el enunciado"),
    ("fi", "no words", "too short (words: 5)", "not look like English", "repeats the assignment"),
])  # fmt: skip
def test_other_reasons_are_given_in_the_feedback_language(
    provider: LocalProvider, reader: str, blank: str, tiny: str, unclear: str, copied: str
) -> None:
    finnish = "Kylässämme kaikki tuntevat toisensa. Se kuulostaa mukavalta, mutta joskus haluan olla yksin. " * 3
    for text, prompt, reason in (
        ("...", "", blank), ("We like dogs and cats.", "", tiny), (finnish, "", unclear), (PLAIN * 4, PLAIN * 4, copied),
    ):  # fmt: skip
        request = PassRequest(pass_name=PassName.CONTENT, text=text, assignment_prompt=prompt, feedback_language=reader)
        answer = provider.ask(request).answer
        (sentence,) = answer.not_checked
        assert reason in sentence
        assert not answer.comments
