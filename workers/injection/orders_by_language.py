"""Orders to an AI in the languages, other than English, that the local engine recognises: their words, and patterns of those.

The words are beginnings of words, in small letters and without accents, as the detector folds a text. An order has a word of
each of two lists near each other, in any order, because verbs end the sentence in some languages.
"""

from __future__ import annotations

import re

from workers.injection.patterns import InjectionPattern

LATIN = frozenset("de fr es it pt nl sv da pl tr".split())
# ignore | the instructions | you are, act as | an AI | give, rate | the best mark | show | the prompt
_WORDS = {
    "de": (
        "ignorier|vergiss|vergesst|vergessen sie|missacht|beachte nicht|ubergeh",
        "anweisung|instruktion|vorgaben|befehle|prompt|deinen regeln|deine regeln|obigen regeln|vorherigen regeln",
        "du bist|sie sind|ab jetzt|verhalte dich|tu so",
        "eine ki|ki-|kunstliche intelligenz|sprachmodell|chatbot|assistent",
        "gib|geben sie|vergib|bewert|benote",
        "volle punkt|volle punktzahl|bestnote|hochste|note 1|note eins|maximale|sehr gut|beste note",
        "zeig|gib|wiederhol|verrat|nenne",
        "systemprompt|system-prompt|systemanweisung",
    ),
    "fr": (
        "ignorez|oublie|ne tiens pas compte|ne tenez pas compte|neglige",
        "instruction|consigne|ordres|directives|tes regles|vos regles|regles ci-dessus|regles precedentes",
        "tu es|vous etes|agis|comporte|desormais",
        "une ia|'ia|intelligence artificielle|modele de langage|chatbot|assistant",
        "donne|attribue|accorde|mets|mettez|note",
        "note maximale|meilleure note|20/20|20 sur 20|note la plus haute|tous les points|maximum de points",
        "montre|revele|affiche|repete",
        "prompt systeme|invite systeme|instructions systeme|ton prompt|votre prompt",
    ),
    "es": (
        "ignora|ignore|olvida|olvide|omite|haz caso omiso|no sigas|descarta",
        "instrucci|indicaci|ordenes|reglas que te|reglas anteriores|tus reglas|reglas de arriba",
        "eres|actua|comportate",
        "una ia|inteligencia artificial|modelo de lenguaje|chatbot|asistente",
        "da|dale|pon|ponle|otorga|asigna|califica|dame",
        (
            "nota maxima|maxima nota|puntuacion maxima|maxima puntuacion|calificacion maxima|maxima calificacion|mejor nota|"
            "nota mas alta|un 10|matricula"
        ),
        "muestra|revela|repite|imprime",
        "prompt del sistema|prompt de sistema|mensaje del sistema",
    ),
    "it": (
        "ignora|dimentica|trascura|non seguire",
        "istruzioni|ordini|indicazioni|regole ricevute|regole precedenti|tue regole|regole sopra",
        "sei ora|ora sei|tu sei|agisci|comportati",
        "un'ia|una ia|un'intelligenza artificiale|intelligenza artificiale|modello linguistico|chatbot|assistente",
        "dai|assegna|metti|dammi|valuta",
        "voto massimo|massimo dei voti|punteggio massimo|voto piu alto|massimo voto|punteggio pieno|un 10",
        "mostra|rivela|ripeti|stampa",
        "prompt di sistema|prompt del sistema|messaggio di sistema",
    ),
    "pt": (
        "ignor|esquec|desconsider|nao sigas|nao siga",
        "instrucoes|instrucao|ordens|indicacoes|regras acima|suas regras|regras anteriores",
        "voce e|voce agora|tu es|aja|age como",
        "uma ia|inteligencia artificial|modelo de linguagem|chatbot|assistente",
        "da|de|dê|atribu|coloque",
        "nota maxima|pontuacao maxima|melhor nota|nota mais alta|nota dez|nota 10",
        "mostr|revel|repit|imprim",
        "prompt do sistema|prompt de sistema|mensagem do sistema",
    ),
    "nl": (
        "negeer|vergeet|sla",
        "instructie|opdracht|aanwijzing|regels hierboven|je regels|vorige regels",
        "je bent|jij bent|u bent|gedraag|vanaf nu",
        "een ai|ai-|kunstmatige intelligentie|taalmodel|chatbot|assistent",
        "geef|beoordeel|ken",
        "hoogste cijfer|hoogste score|volle punten|maximale|een 10|beste cijfer|alle punten",
        "toon|laat|herhaal|onthul|geef",
        "systeemprompt|systeem-prompt|systeeminstructie",
    ),
    "sv": (
        "ignorera|glom|strunta i|bortse",
        "instruktion|anvisning|order|reglerna ovan|dina regler|tidigare regler",
        "du ar|agera|lat som|fran och med nu",
        "en ai|ai-|artificiell intelligens|sprakmodell|chatbot|chattbot|assistent",
        "ge|satt|betygsatt",
        "hogsta betyg|full pott|full poang|hogsta poang|maxpoang|basta betyg|betyget a",
        "visa|avsloja|upprepa|skriv",
        "systemprompt|system-prompt|systeminstruktion|systempromten",
    ),
    "da": (
        "ignorer|glem|se bort|tilsidesaet|tilsidesæt",
        "instruktion|anvisning|instrukser|ordrer|reglerne ovenfor|dine regler|tidligere regler",
        "du er|opfor dig|opfør dig|fra nu af",
        "en ai|ai-|kunstig intelligens|sprogmodel|chatbot|assistent",
        "giv|bedom|bedøm",
        (
            "hojeste karakter|højeste karakter|topkarakter|fuld point|fulde point|maksimal|bedste karakter|12-tal|"
            "karakteren 12"
        ),
        "vis|afslor|afslør|gentag|skriv",
        "systemprompt|system-prompt|systeminstruktion",
    ),
    "pl": (
        "zignoruj|ignoruj|zapomnij|pomin",
        "instrukcj|polece|zasadach podanych|poprzednie zasad|swoje zasad|zasady powyz|swoich zasad",
        "jestes|dzialaj|zachowuj|od teraz",
        "si|sztuczn|ai|modelem jezykowym|model jezykowy|chatbot|asystent",
        "daj|przyznaj|wystaw|postaw|ocen",
        "najwyzsz|maksymaln|szostk|celujac|pelna liczb",
        "pokaz|ujawnij|powtorz|wypisz",
        "prompt system|systemowy prompt|monit system|instrukcje system|promptu system|instrukcji system",
    ),
    "tr": (
        "yok say|gormezden gel|unut|dikkate alma|goz ardi",
        "talimat|komut|yonerge|yukaridaki kural|onceki kural",
        "sen artik|artik sen|sen bir|artik bir|gibi davran|siz bir",
        "yapay zeka|dil modeli|sohbet bot|chatbot|asistan",
        "ver|puanla|degerlendir",
        "tam puan|en yuksek|tam not|100 puan|yuz puan|maksimum",
        "goster|acikla|tekrarla|yaz",
        "sistem istem|sistem prompt|sistem komut|sistem talimat",
    ),
    "ru": (
        "игнорир|проигнорир|забуд|не обращаи|пренебреги|отмени",
        "инструкц|указани|команд|предыдущие правил|правила, которые тебе|свои правил|правила выше",
        "ты теперь|теперь ты|вы теперь|теперь вы|ты -|ты —|деиствуи|веди себя",
        "ии|искусственн|языковая модел|языковои модел|чат-бот|чатбот|ассистент|неиросет",
        "постав|оцен|дай|даи|выстав",
        "высш|максимальн|пятерк|отлично|5 балл|100 балл|полныи балл",
        "покаж|раскро|повтор|вывед",
        "системныи промпт|системную инструкц|системного промпт|системныи запрос|системные инструкц",
    ),
    "uk": (
        "ігнору|проігнору|забуд|не зважа|знехту",
        "інструкц|вказів|команд|попередні правил|правила, які тобі|свої правил|правила вище|своі правил",
        "ти тепер|тепер ти|ви тепер|тепер ви|ти -|ти —|діи|поводь",
        "ші|штучн|мовна модел|мовною модел|чат-бот|чатбот|асистент|неиромереж",
        "постав|оціни|дай|даи|вистав",
        "наивищ|максимальн|п'ятірк|відмінно|12 бал|100 бал|повнии бал",
        "покаж|розкри|повтор|вивед",
        "системнии промпт|системну інструкц|системного промпт|системнии запит|системні інструкц",
    ),
    "el": (
        "αγνο|ξεχασ|παραβλεψ|μην ακολουθ|μη λαβ",
        "οδηγι|εντολ|παραπανω κανον|προηγουμενους κανον",
        "εισαι|ειστε|απο εδω|συμπεριφερσου",
        "τεχνητη|ai|γλωσσικο μοντελο|chatbot|βοηθος",
        "βαλε|δωσε|δωστε|βαθμολογ",
        "αριστα|ανωτατ|μεγιστ|υψηλοτερ|τελεια βαθμολογ|10/10|καλυτερο βαθμο",
        "δειξε|αποκαλυψ|επαναλαβ|γραψε",
        (
            "προτροπη συστηματος|προτροπη του συστηματος|system prompt|εντολη συστηματος|οδηγιες συστηματος|"
            "οδηγιες του συστηματος"
        ),
    ),
    "ar": (
        "تجاهل|انس|انسى|لا تتبع|اهمل|أهمل",
        "تعليمات|أوامر|اوامر|توجيهات|إرشادات|القواعد التي أعط|القواعد السابقة",
        "أنت الآن|أنت الان|انت الان|تصرف|من الآن|كأنك",
        "ذكاء اصطناعي|الذكاء الاصطناعي|نموذج لغوي|روبوت|مساعد",
        "أعط|اعط|امنح|ضع|قيم|قيّم",
        "الدرجة الكاملة|درجة كاملة|أعلى درجة|اعلى درجة|العلامة الكاملة|علامة كاملة|أعلى علامة|الدرجة النهائية",
        "اعرض|أظهر|اكشف|كرر|اطبع",
        "موجه النظام|تعليمات النظام|رسالة النظام|أوامر النظام",
    ),
    "he": (
        "התעלם|התעלמ|שכח|תתעלמ|תתעלם|אל תציית",
        "הוראות|ההוראות|הנחיות|ההנחיות|פקודות|הכללים שקיבלת|הכללים הקודמים",
        "אתה עכשיו|אתה כעת|עכשיו אתה|כעת אתה|התנהג|מעתה|מעכשיו",
        "בינה מלאכותית|מודל שפה|צ'אטבוט|צ׳אטבוט|עוזר|ai",
        "תן|תני|תנו|הענק|דרג",
        "ציון מלא|ציון מקסימלי|הציון הגבוה|ציון 100|את מלוא הנקודות|ניקוד מלא|ציון הגבוה|הציון המרבי|מאה",
        "הצג|חשוף|חזור על|הדפס|גלה",
        "הנחיית המערכת|הוראות המערכת|פרומפט המערכת|הודעת המערכת",
    ),
    "hi": (
        "अनदेख|नजरअंदाज|नज़रअंदाज|भूल|ध्यान न",
        "निर्देश|आदेश|ऊपर के नियम|पिछले नियम",
        "तुम अब|आप अब|अब तुम|अब आप|अब से|की तरह व्यवहार",
        "एआई|कृत्रिम बुद्धि|भाषा मॉडल|चैटबॉट|सहायक|ai",
        "दो|दें|दीजिए|देना",
        "पूरे अंक|पूर्ण अंक|अधिकतम अंक|सबसे अच्छ|सर्वोच्च|पूरे नंबर|100 अंक",
        "दिखा|बता|दोहरा",
        "सिस्टम प्रॉम्प्ट|सिस्टम निर्देश|system prompt",
    ),
    "zh": (
        "忽略|无视|忘记|忘掉|不要理会|不要遵守|忽視|無視|忘記",
        "指令|指示|提示|要求|命令|上面的规则|之前的规则|以上规则|以上的规则",
        "你现在|你是|从现在|现在起|扮演|你現在|從現在",
        "人工智能|ai|语言模型|聊天机器人|助手|人工智慧|語言模型",
        "给|打|评|給|判",
        "满分|最高分|滿分|一百分|100分|优秀",
        "显示|输出|告诉|重复|透露|泄露|顯示|輸出",
        "系统提示|系统指令|系統提示|提示词",
    ),
    "ja": (
        "無視|忘れ|従わない|従うな|無効",
        "指示|命令|プロンプト|上のルール|以前のルール|これまでのルール",
        "あなたは|今から|これから|ふりをし",
        "ai|人工知能|言語モデル|チャットボット|アシスタント",
        "つけ|与え|付け|ください|してくださ|くれ|採点|せよ",
        "満点|最高点|最高評価|100点|百点|最高の評価",
        "表示|見せ|教え|繰り返|出力|明かし",
        "システムプロンプト|システム指示|システムの指示",
    ),
    "ko": (
        "무시|잊어|잊으|따르지",
        "지시|명령|지침|프롬프트|위의 규칙|이전 규칙|이전의 규칙",
        "당신은|너는|이제부터|지금부터|행동",
        "ai|인공지능|인공 지능|언어 모델|챗봇|어시스턴트|비서",
        "줘|주세요|주십시오|달라|매겨|부여|주어",
        "만점|최고 점수|최고점|100점|최고 등급|백점",
        "보여|출력|알려|반복|공개",
        "시스템 프롬프트|시스템 지시|시스템 지침",
    ),
}
# The word for "as" in "as an AI, you must ...", which stands directly beside it.
_AS = {
    "de": "als",
    "fr": "en tant qu",
    "es": "como",
    "it": "come|in quanto",
    "pt": "como",
    "nl": "als",
    "sv": "som",
    "da": "som",
    "pl": "jako",
    "tr": "olarak",
    "ru": "как",
    "uk": "як",
    "el": "ως",
    "ar": "بصفتك|باعتبارك|كنموذج|ك",
    "he": "בתור|כמו|כ",
    "hi": "के रूप में|होने के नाते",
    "zh": "作为|作為",
    "ja": "として",
    "ko": "로서|으로서",
}
_UNSPACED = frozenset(("zh", "ja"))
_GAP = r"[^.!?\n。！？।]"
# How many characters may be between the two words: an instruction is near its verb, a role is next to "you are".
_GAPS = (60, 40, 70, 50)


def _near(language: str, one: str, other: str, gap: int) -> InjectionPattern:
    start = "" if language in _UNSPACED else r"(?<!\w)"
    first, second = (f"{start}(?:{'|'.join(map(re.escape, words.split('|')))})" for words in (one, other))
    return InjectionPattern(
        tuple(other.split("|")), re.compile(f"{first}{_GAP}{{0,{gap}}}?{second}|{second}{_GAP}{{0,{gap}}}?{first}")
    )


def _patterns(language: str) -> tuple[InjectionPattern, ...]:
    lists = _WORDS[language]
    pairs = [(lists[at], lists[at + 1], gap) for at, gap in zip(range(0, 8, 2), _GAPS, strict=True)]
    pairs.append((_AS[language], lists[3], 5))
    return tuple(_near(language, *pair) for pair in pairs)


# Words in Latin letters can only be in a text that has such letters, and the others in one that has more than ASCII.
LATIN_ORDERS = tuple(one for language in _WORDS if language in LATIN for one in _patterns(language))
OTHER_ORDERS = tuple(one for language in _WORDS if language not in LATIN for one in _patterns(language))
