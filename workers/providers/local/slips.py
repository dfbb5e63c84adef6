"""Hold the slips whose meaning is known, although the engines' first guess is often another word."""

from __future__ import annotations

import re

# Each line: the word that is meant, then its slips.
_MEANT = """
will: wil
more: mor
like: lke
which: wich whitch whish wiche
with: wiht whit whith wih
there: ther thier
their: thair theyr
they: thay thei thy
the: tha teh hte dhe thhe
that: thet taht thta
these: thses thise theses thease tese
those: thoes thouse thos
this: tihs thsi
whether: wheater wether whather wheather wheter wheather
weather: wether weathr
themselves: themselfs themselfes themself theirselves theirself theirselfs thierselves themselve
ourselves: ourselfs ourselve ourself
yourselves: yourselfs
himself: hisself himselfs himselve
myself: myselfs miself
because: becase becouse becuase becaus cuz becauce becose beacuse beacause bcoz becos
should: shoud shud shuld shold
would: woud wuld
could: coud
people: peple peaple peoples poeple pepole peolple peole peopel peaple
you: u yuo ypu
your: ur yuor
you're: youre
a lot: alot
as well: aswell
in fact: infact
in order: inorder
up to: upto
in front: infront
at least: atleast
even though: eventhough
create: creat
develop: develope devlop
developed: developped
through: throught thru throgh trough
every: evry evrey everey
until: untill untl
professor: proffesor proffessor proffeser profesor
different: diferent diffrent differents diffent diferents
scientist: sientist scientst
science: sience siences
opinion: oppinion opinon oppinon
example: exemple exampel exampl
examples: exemples exampels
beautiful: beatiful beautifull
business: bussiness bisness bisnes buisness busines
government: goverment gouverment governement govermnent
environment: enviroment enviorment enviromental inviroment
comfortable: confortable comfotable
responsibility: responsability
knowledge: knowlege knowladge knowledgement
success: succes sucess
successful: succesful sucessful succesfull
definitely: definately definetly definelty definitly defiantely
always: allways alwasy
already: allready alredy
finally: finaly
totally: totaly
really: realy
usually: usualy usally
especially: especialy expecially
thought: tought thougth
what: wat waht
when: wen wehn
want to: wanna
going to: gonna
please: pls
career: carreer carrer
position: possition
possible: posible possable
interesting: intersting intresting
interested: intrested intersted
address: adress
children: childrens childs childeren chidren
men: mens
women: womens womans
information: informations
advice: advices
media: medias
knowledge: knowledges
homework: homeworks
furniture: furnitures
equipment: equipments
teach: theach
taught: teached theached
brought: brang brung
caught: catched
went: goed
dealt: dealed
felt: feeled
chose: choosed
thinking: thiking
young: youg yong
enough: enought enougth
although: althought altough altho
friend: freind frend
friends: freinds frends
believe: beleive belive
receive: recieve
together: togheter togather
important: importent importante inportant
difficult: dificult
language: langage languge langauge
much: mutch mach
also: alsow allso
only: olny onley
other: oter othe
another: anothe anather
before: befor
where: wher
were: whare
first: frist
problem: probleme problam
problems: probleme problams
school: shool scool
student: studant
students: studants
society: sociaty
travel: traval travell
necessary: neccessary necesary nesessary
communicate: comunicate
community: comunity
tomorrow: tommorow tomorow
dangerous: dangerious
technology: tecnology techology technolgy
advertisement: advertisment
advertisements: advertisments
etc.: etc
cigarettes: cigarrets cigarets cigarretes
criticism: critism critisism
carbon: carbones
I'm: im
I've: ive
don't: dont donnot
hassle: hazzle
hard work: hardwork
old age: oldage
"""
# After these words "wheater" is about rain.
_BEFORE_WEATHER = re.compile(r"\b(?:the|bad|good|nice|hot|cold|warm|our|rainy|sunny|this|what) $", re.IGNORECASE)
_AMBIGUOUS = frozenset({"wether", "wheater", "wheather"})
# A slip that is also a real word is never looked up, because no engine flags it.
KNOWN_SLIPS: dict[str, str] = {}
for _line in _MEANT.split("\n"):
    _word, _, _slips = _line.partition(": ")
    for _slip in _slips.split():
        KNOWN_SLIPS.setdefault(_slip, _word)


def meant_by(word: str, before: str = "") -> str | None:
    """Return the word that a known slip stands for, or None. `before` is the text in front of it."""
    lower = word.lower()
    if lower in _AMBIGUOUS:
        return "weather" if _BEFORE_WEATHER.search(before[-12:]) else "whether"
    return KNOWN_SLIPS.get(lower)
