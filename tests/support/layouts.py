"""Essays, a story and a poem for tests of layout. All were written for this project."""

from __future__ import annotations

PLAIN = (
    "Small shops keep a street alive, and I believe our council should protect them because they give "
    "young people their first jobs. When a bakery closes, the street loses more than bread. Neighbours "
    "lose a place to meet, and pupils lose a Saturday job.\n\n"
    "A shop on the corner knows its customers. For example, the owner of our stationery shop keeps a "
    "list of what each class needs in autumn. A large store outside the town cannot do that, and it "
    "does not try. It sells the same pens to everybody at the same price.\n\n"
    "Some people say that large stores are cheaper. That is often true for one pen, but not for the way "
    "there and back. A bus ticket costs more than the pen, and the hour is gone as well. Small shops "
    "save time, fuel and nerves for the whole street.\n\n"
    "Our council should protect small shops because they keep a street alive and give young people "
    "their first jobs. It can lower the rent of empty rooms and close the street to cars on Saturdays."
)
DIALOGUE = (
    "The lift stopped between two floors, and the light went out for a moment.\n\n"
    '"Is anybody there?" asked Sam.\n\n'
    '"Only me," said a voice behind him.\n\n'
    '"Who is me?"\n\n'
    '"The caretaker, and I have been in here since lunch."\n\n'
    "Sam laughed until his ribs hurt, and then he stopped, because nobody else was laughing. The air "
    "was warm and it smelled of floor polish. He counted the buttons again and again, and none of them "
    "did anything at all.\n\n"
    '"Press the bell," said the caretaker.\n\n'
    '"I have pressed it nine times."\n\n'
    '"Then press it a tenth time. My wife says that luck comes in tens, and she has never been wrong '
    'about a lift."\n\n'
    "When the doors opened at last, the whole school stood in the corridor with torches and blankets, "
    "and somebody had brought tea. Sam has taken the stairs ever since that day, even with his heavy "
    "bag and even when he is late."
)
POEM = (
    "The kettle hums a little tune of silver and of steam\n"
    "and grandma folds the morning like the corner of a dream\n"
    "the window keeps a secret that the garden will not tell\n"
    "of apples under blankets and of frost inside the well\n\n"
    "I count the cups of winter on the shelf above the bread\n"
    "and every one is holding something somebody has said\n"
    "so quietly the evening comes and sits beside my chair\n"
    "and teaches me the patience of the people who were there"
)
MLA_HEADER = "Jo Park\nMs. Rivera\nEnglish 10\n12 March 2026\n\nThe Corner Shop\n\n"
RIVER = (
    "The river bends behind the school\nAnd carries leaves to town\nNobody tells it where to go\nIt only wanders down\n\n"
    "My mother says the river knows\nThe names of all the stones\nAnd every winter it forgets\nAnd learns them by their tones\n\n"
    "I throw a letter in the stream\nI do not say to whom\nThe water reads it as it runs\nPast every window room"
)
HANDS = (
    "My grandfather's hands\nare maps of a country\nthat no longer exists.\nHe folds them on the table\nlike letters\n"
    "he never sent.\n\nWhen I ask him about the sea\nhe says it was blue,\nonly blue,\nand pours the tea.\n\n"
    "I have his eyes, they say.\nI have his way of looking\nat the door\nas if somebody\nwere about to come in,\n"
    "wet from the rain,\ncarrying bread\nand all the years between us."
)
# An essay with one mistake of each of several kinds, so that grammar comments can be compared.
WEAK = (
    "Many pupils in our town beleive that homework is useless, but I think that it should stay because it helps us to "
    "remember. He dont like it, she said, and everybody laughed about this for a long time.\n\n"
    "When i come home after training I am tired. Then my brother helps me, and we definately learn more then in a lesson. "
    "For example, last year we recieve a letter from the school about a apple tree and had to count its leaves.\n\n"
    "Some teachers give to much. That is a problem, and a student who has no desk at home can not solve it alone. They "
    "should talk with each other and look at the the whole week before they set anything.\n\n"
    "Homework should stay because it helps us to remember, and teachers should talk with each other about the whole week."
)
