"""Test the detection of an essay's language. All texts here are written for these tests."""

from __future__ import annotations

import pytest

from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.local.language import detect_language, dialect_of
from workers.providers.local.provider import LocalProvider
from workers.providers.local.tongues import ENGLISH_NAMES, OWN_NAMES, not_english

TEXTS = {
    "en": ("My brother rides his bicycle to school.", "Yesterday me go school with friend and teacher say we is late.",
           "There are many reasons why people should read more books.", "What happens when the rain does not come?"),
    "de": ("Mein Bruder fährt mit dem Fahrrad zur Schule.", "Ich glaube, dass wir mehr Bücher lesen sollten.",
           "Der Hund schläft unter dem Tisch, weil er müde ist.", "Was passiert, wenn es im Sommer nicht regnet?"),
    "fr": ("Mon frère va à l’école avec son vélo.", "Je pense que nous devons lire plus de livres.",
           "Le chien dort sous la table parce qu’il est fatigué.", "Les enfants jouent dans la rue et les voisins sont contents."),
    "es": ("Mi hermano va a la escuela en bicicleta.", "Creo que todos debemos leer más libros en casa.",
           "El perro duerme bajo la mesa porque está cansado.", "Los niños juegan en la calle y los vecinos no se quejan."),
    "it": ("Mio fratello va a scuola con la bicicletta.", "Penso che noi dobbiamo leggere più libri.",
           "Il cane dorme sotto il tavolo perché è stanco.", "I bambini giocano nella strada e gli anziani sono contenti."),
    "pt": ("O meu irmão vai para a escola de bicicleta.", "Acho que nós não lemos muitos livros em casa.",
           "O cão dorme em cima da mesa porque está cansado.", "As crianças brincam na rua e os vizinhos são felizes."),
    "nl": ("Mijn broer gaat met de fiets naar school.", "Ik denk dat wij meer boeken moeten lezen.",
           "De hond slaapt onder de tafel omdat hij moe is.", "De kinderen spelen op straat en het is heel gezellig."),
    "sv": ("Min bror cyklar till skolan och jag går.", "Jag tror att vi ska läsa mer böcker.",
           "Hunden sover under bordet för att den är trött.", "Barnen leker på gatan och det är mycket roligt."),
    "pl": ("Mój brat jeździ do szkoły na rowerze.", "Myślę, że nie czytamy tak wiele książek jak kiedyś.",
           "Pies śpi pod stołem, bo jest bardzo zmęczony.", "Dzieci grają na ulicy, a sąsiedzi się nie gniewają."),
    "tr": ("Kardeşim okula bisiklet ile gidiyor ve ben yürüyorum.", "Bence biz daha çok kitap okumalıyız.",
           "Köpek masanın altında uyuyor çünkü çok yorgun.", "Bu çocuklar her gün sokakta oynuyor ama kimse kızmıyor."),
    "ru": ("Мой брат ездит в школу на велосипеде.", "Я думаю, что мы должны читать больше книг.",
           "Собака спит под столом, потому что она устала.", "Дети играют на улице, и это хорошо."),
    "uk": ("Мій брат їздить до школи на велосипеді.", "Я вважаю, що ми повинні читати більше книжок і журналів.",
           "Собака спить під столом, бо він стомився.", "Діти граються на вулиці, і сусіди їх люблять."),
    "ar": ("يذهب أخي إلى المدرسة بالدراجة.", "أعتقد أننا يجب أن نقرأ المزيد من الكتب.",
           "ينام الكلب تحت الطاولة لأنه متعب.", "الأطفال يلعبون في الشارع."),
    "he": ("אחי נוסע לבית הספר באופניים.", "אני חושב שכולנו צריכים לקרוא יותר ספרים.",
           "הכלב ישן מתחת לשולחן כי הוא עייף.", "הילדים משחקים ברחוב."),
    "el": ("Ο αδελφός μου πηγαίνει στο σχολείο με ποδήλατο.", "Νομίζω ότι πρέπει να διαβάζουμε περισσότερα βιβλία.",
           "Ο σκύλος κοιμάται κάτω από το τραπέζι.", "Τα παιδιά παίζουν στον δρόμο."),
    "zh": ("我弟弟骑自行车去学校。", "我认为我们应该多读书。", "狗在桌子下面睡觉，因为它累了。", "孩子们在街上玩。"),
    "ja": ("弟は自転車で学校に行きます。", "私たちはもっと本を読むべきだと思います。",
           "犬は疲れたのでテーブルの下で寝ています。", "子どもたちは道で遊んでいる。"),
    "ko": ("내 동생은 자전거를 타고 학교에 갑니다.", "우리는 책을 더 많이 읽어야 한다고 생각합니다.",
           "개가 피곤해서 탁자 밑에서 잡니다.", "아이들이 길에서 놉니다."),
    "hi": ("मेरा भाई साइकिल से स्कूल जाता है।", "मुझे लगता है कि हमें अधिक किताबें पढ़नी चाहिए।",
           "कुत्ता मेज़ के नीचे सो रहा है क्योंकि वह थक गया है।", "बच्चे सड़क पर खेलते हैं।"),
}  # fmt: skip


@pytest.mark.parametrize(("language", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_language_of_one_sentence_is_detected(language: str, text: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize("text", ["", "ok", "recieve komputer", "12 34 56 78 90", "🎉" * 20, "xq zv kk pp qq rr tt"])
def test_language_of_unclear_text_is_not_guessed(text: str) -> None:
    assert detect_language(text) is None


@pytest.mark.parametrize(
    "quote",
    ["„Der Hund schläft unter dem Tisch“", "السلام عليكم يا صديقي", "我弟弟骑自行车去学校", "le chat est sur la table"],
)
def test_english_with_a_foreign_quotation_is_english(quote: str) -> None:
    assert (
        detect_language(
            f"My uncle wrote to us and said: {quote}. We did not know what that means, so we asked the teacher."
        )
        == "en"
    )


@pytest.mark.parametrize("reader", OWN_NAMES)
def test_foreign_essay_is_named_in_the_feedback_language(provider: LocalProvider, reader: str) -> None:
    for name in PassName:
        request = PassRequest(pass_name=name, text=TEXTS["de"][0] * 9, feedback_language=f"{reader}-XX")
        answer = provider.ask(request).answer
        assert not answer.comments
        (sentence,) = answer.not_checked
        assert ("German" if reader == "en" else "Deutsch") in sentence


def test_unsupported_feedback_language_falls_back_to_english() -> None:
    assert not_english("de", "fi") == not_english("de", "en")
    assert len({not_english("de", reader) for reader in ENGLISH_NAMES}) == len(ENGLISH_NAMES)
    assert "tlh" in not_english("tlh", "en")


def test_only_english_has_a_dialect() -> None:
    assert dialect_of("en-GB") == "GB"
    assert dialect_of("fr-CA") == ""
