"""Words and their right forms: a small list of our own, or the tables of the extra [language].

The norm of the study is the English of these tables. Irregular words come in families that end
alike (understand, withstand), so that a lemma held out has relatives; a few stand alone, and
nobody can know their forms by analogy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, need, one_of

Kind = Literal["noun", "verb", "spelling"]
Source = Literal["own", "tables"]
SOURCES = ("own", "tables")

# stem, past, and prefixes; a dot is the stem alone.
_IRREGULAR_VERBS = """
stand stood . under with|come came . over be|see saw . fore over|take took . under over mis re par
write wrote . over under re|do did . over un re out|grow grew . out over|throw threw . over
know knew . fore|blow blew .|build built . re over|send sent . re|bend bent . un|lend lent .
spend spent . over mis out|hold held . with up be|get got . for be|give gave . for mis
tell told . fore re|sell sold . out over re|run ran . out over re|eat ate . over out
feed fed . over breast|lead led . mis|speed sped .|bleed bled .|breed bred . inter|keep kept .
sleep slept . over|sweep swept . up|weep wept .|creep crept .|draw drew . with over re
break broke . out|speak spoke . out mis|steal stole .|wear wore . out|tear tore .|swear swore . for
bear bore . for over|sing sang . out|ring rang .|spring sprang .|drink drank . out|sink sank .
shrink shrank .|bind bound . un re|find found . re|wind wound . un re|grind ground . re
hear heard . over mis re|say said . un gain|lay laid . mis way over in|pay paid . re over pre
make made . re un|think thought . re out be|bring brought .|buy bought . over|seek sought .
catch caught .|teach taught . un|fight fought . out|go went . under fore out|ride rode . over out
drive drove . over out|rise rose . a|shine shone . out|choose chose .|freeze froze . un
"""

# singular ending, plural ending, and what stands before it.
_IRREGULAR_NOUNS = """
man men . fire police sales trades states sea post milk fisher noble gentle chair fore
woman women . police|wife wives . house mid ale fish|shelf shelves . book
leaf leaves . clover fly tea|foot feet . fore flat club web|tooth teeth . eye buck saw milk
child children . grand step school god brain|life lives . after half night|half halves .
mouse mice . dor tit field|goose geese .|knife knives . pen jack|loaf loaves . meat
wolf wolves . were|thief thieves .|calf calves .|ox oxen . musk
"""

# A star: the last letter doubles in the past.
_REGULAR_VERBS = """
walk talk look jump open clean help paint visit answer listen explain return follow gather offer
enter remember consider deliver discover suffer wander whisper laugh cough touch watch match reach
search march polish wash push crash finish publish punish pass miss kiss cross press guess dress
discuss fix mix relax tax box buzz like love move live dance smile close change arrive bake use
save hope promise notice practise argue agree decide divide invite complete translate create carry
hurry worry marry study copy try cry dry reply apply supply bury envy empty play stay enjoy delay
obey employ destroy stop* plan* drop* shop* beg* rob* grab* chat* clap* hug* jog* nod* rub* slip*
trim* wrap* zip* admit* commit* permit* refer* prefer* occur* regret* control* patrol* mend tend
defend ask call turn start seem want learn point wait report add happen allow order plant count
shout roll pull fill kill burn earn climb print hunt train rain fail sail mail boil fold load land
hand end form warm farm borrow swallow yell spell smell rent vent note vote wave wipe hire fire
store score taste waste paste blame name tame rule force place settle handle cycle puzzle whistle
rescue value weigh sign design assign join coin spoil toil extend pretend attend need seed peep
beep show flow row slow ping wink blink thank
"""

_REGULAR_NOUNS = """
key dog table window teacher letter garden river picture engine doctor farmer road song bottle
ticket pencil market village captain lawyer painter driver singer blanket basket bucket church
bench branch peach beach watch match lunch box fox tax fax bus class glass dress boss kiss address
actress dish wish brush bush crash city lady baby party story country family army berry copy diary
enemy factory fairy hobby library penny poppy puppy spy sky ferry boy toy day tray donkey monkey
valley journey turkey roof chief proof belief reef cliff cuff human german roman plant hand arm
finger nose head neck bed chair lamp cup plate spoon fork coat hat sock shirt skirt street bridge
tower cloud storm wind star moon flower seed stone rock hill lake island ship train plane wheel
paper book pen page word number colour sound voice name line square circle problem question answer
reason result effect friend cousin uncle sister brother nurse judge student pupil house spouse
root boot fool pool dove stove cave grave
"""

# The letters in brackets are what is asked for.
_SPELLINGS = """
rec(ei)ve dec(ei)ve conc(ei)ve perc(ei)ve c(ei)ling rec(ei)pt dec(ei)t conc(ei)t rec(ei)ver
dec(ei)ver bel(ie)ve rel(ie)ve ach(ie)ve rel(ie)f bel(ie)f th(ie)f ch(ie)f f(ie)ld y(ie)ld sh(ie)ld
br(ie)f gr(ie)f p(ie)ce n(ie)ce f(ie)rce p(ie)rce pr(ie)st fr(ie)nd retr(ie)ve repr(ie)ve
handkerch(ie)f misch(ie)f bel(ie)ver ach(ie)vement pat(ie)nt cl(ie)nt aud(ie)nce
exper(ie)nce obed(ie)nt med(ie)val
carefu(l) usefu(l) helpfu(l) hopefu(l) painfu(l) thankfu(l) playfu(l) gratefu(l) beautifu(l)
wonderfu(l) powerfu(l) cheerfu(l) doubtfu(l) peacefu(l) successfu(l) faithfu(l) harmfu(l)
skilfu(l) awfu(l) fearfu(l) joyfu(l) mindfu(l) carefu(ll)y usefu(ll)y helpfu(ll)y hopefu(ll)y
painfu(ll)y thankfu(ll)y playfu(ll)y gratefu(ll)y beautifu(ll)y wonderfu(ll)y powerfu(ll)y
cheerfu(ll)y doubtfu(ll)y peacefu(ll)y successfu(ll)y faithfu(ll)y harmfu(ll)y
happ(i)ness laz(i)ness read(i)ness heav(i)ness empt(i)ness lonel(i)ness ugl(i)ness bus(i)ness
tid(i)ness eas(i)ness mood(i)ness bus(i)ly happ(i)ly laz(i)ly eas(i)ly heav(i)ly read(i)ly
angr(i)ly hungr(i)ly luck(i)ly merr(i)ly stead(i)ly pla(y)ful jo(y)ful jo(y)less pla(y)ed
sh(y)ness dr(y)ness sl(y)ness
"""
FILLINGS = {"ei": "ie", "ie": "ei", "l": "ll", "ll": "l", "i": "y", "y": "i"}
"""What may stand in a gap, and what stands there in the common misspelling."""
HELD_OUT = 0.25
"""Ours: enough lemmas to be examined on, most left to learn from."""
MAX_TABLE_WORDS = 1500
"""Ours: words of each kind taken from the tables, the regular ones thinned to as many as stay."""


@checked
@dataclass(frozen=True, kw_only=True)
class Word:
    """A lemma and its right forms.

    Attributes:
        lemma: the word; of a spelling, the letters with "_" for the gap.
        kind: "noun", "verb" or "spelling".
        forms: by cell: "plural"; "past" and "s" (third person singular); or "gap".
        irregular: whether a form does not follow `regular`.
    """

    lemma: str
    kind: Kind
    forms: dict[str, str]
    irregular: bool


def regular(lemma: str, cell: str, *, doubles: bool = False) -> str:
    """The form by rule: -s, -es, -ies; -ed, -d, -ied, with a doubled letter where it `doubles`."""
    after_consonant = re.search(r"[^aeiou]y$", lemma) is not None
    if cell == "past":
        if lemma.endswith("e"):
            return lemma + "d"
        if after_consonant:
            return lemma[:-1] + "ied"
        return lemma + (lemma[-1] if doubles else "") + "ed"
    if after_consonant:
        return lemma[:-1] + "ies"
    hissing = lemma.endswith(("s", "x", "z", "ch", "sh")) or (cell == "s" and lemma.endswith("o"))
    return lemma + ("es" if hissing else "s")


def words(source: Source = "own") -> tuple[Word, ...]:
    """All words, in the order of their lemmas.

    "own" is the list of this file. "tables" adds the nouns and verbs of lemminflect's tables that
    occur in codespell's corrections, and codespell's words with ei, ie, -full and -iness.

    Raises:
        MissingExtraError: "tables" without the extra [language].
    """
    one_of("language: source", source, SOURCES)
    found = {(word.kind, word.lemma): word for word in _own()}
    if source == "tables":
        for word in _of_tables():
            found.setdefault((word.kind, word.lemma), word)
    return tuple(found[key] for key in sorted(found))


def _own() -> list[Word]:
    out = []
    for entry in _entries(_IRREGULAR_VERBS):
        stem, past, *prefixes = entry
        for prefix in prefixes:
            lemma = prefix.strip(".") + stem
            forms = {"past": prefix.strip(".") + past, "s": regular(lemma, "s")}
            out.append(Word(lemma=lemma, kind="verb", forms=forms, irregular=True))
    for entry in _entries(_IRREGULAR_NOUNS):
        one, many, *prefixes = entry
        for prefix in prefixes:
            lemma, forms = prefix.strip(".") + one, {"plural": prefix.strip(".") + many}
            out.append(Word(lemma=lemma, kind="noun", forms=forms, irregular=True))
    for marked in _REGULAR_VERBS.split():
        lemma = marked.rstrip("*")
        forms = {"past": regular(lemma, "past", doubles=marked != lemma), "s": regular(lemma, "s")}
        out.append(Word(lemma=lemma, kind="verb", forms=forms, irregular=False))
    for lemma in _REGULAR_NOUNS.split():
        forms = {"plural": regular(lemma, "plural")}
        out.append(Word(lemma=lemma, kind="noun", forms=forms, irregular=False))
    return out + [spelling(entry) for entry in _SPELLINGS.split()]


def _entries(text: str) -> list[list[str]]:
    return [entry.split() for line in text.split("\n") for entry in line.split("|") if entry]


def spelling(entry: str) -> Word:
    """ "rec(ei)ve" as a word with a gap."""
    before, gap, after = re.split(r"[()]", entry)
    forms = {"gap": before + gap + after}
    return Word(lemma=f"{before}_{after}", kind="spelling", forms=forms, irregular=False)


@checked
def split(
    words: Sequence[Word], random: np.random.Generator, held_out: float = HELD_OUT
) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Lemmas to learn from, and lemmas held out.

    Words are grouped with those of their kind that change alike: irregular ones by the change and
    the last three letters, all regular ones together. Of each group a share is held out, never all
    of it: nobody can know by analogy the past of a verb that is like no other, so such a verb is
    always learned from. Held-out lemmas are thus those about which there is something to know.

    Raises:
        ConfigError: a share outside [0, 1].
    """
    if not 0 <= held_out <= 1:
        raise ConfigError(f"split: held_out must lie in [0, 1]; got {held_out!r}")
    groups: dict[tuple[str, ...], list[Word]] = {}
    for word in words:
        groups.setdefault(_family(word), []).append(word)
    learned, kept = [], []
    for key in sorted(groups):
        group = groups[key]
        order = random.permutation(len(group))
        # Rounded at random, so that small families give their share too.
        many = min(int(len(group) * held_out + random.random()), len(group) - 1)
        kept += [group[one] for one in order[:many]]
        learned += [group[one] for one in order[many:]]
    # A noun that is a verb as well is not held out as the one and learned as the other.
    known = {word.lemma for word in learned}
    learned += [word for word in kept if word.lemma in known]
    return tuple(learned), tuple(word for word in kept if word.lemma not in known)


def _family(word: Word) -> tuple[str, ...]:
    if not word.irregular:
        return (word.kind,)
    changes = [f"{cell}:{_change(word.lemma, form)}" for cell, form in sorted(word.forms.items())]
    return (word.kind, word.lemma[-3:], *changes)


def _change(lemma: str, form: str) -> str:
    same = 0
    while same < min(len(lemma), len(form)) and lemma[same] == form[same]:
        same += 1
    return f"{lemma[same:]}>{form[same:]}"


# ---------------------------------------------------------------- the extra


def _of_tables() -> list[Word]:
    known = _corrections()
    inflections: Any = need("lemminflect", "language").getAllInflections
    nouns, verbs = [], []
    for lemma in known:
        plural = inflections(lemma, upos="NOUN").get("NNS", ())
        past = inflections(lemma, upos="VERB").get("VBD", ())
        third = inflections(lemma, upos="VERB").get("VBZ", ())
        if len(plural) == 1 and plural[0] != lemma:  # the others have no plural of their own
            nouns.append(_word(lemma, "noun", {"plural": plural[0]}))
        if len(past) == 1 and len(third) == 1:
            verbs.append(_word(lemma, "verb", {"past": past[0], "s": third[0]}))
    spelt = [spelling(gapped) for lemma in known for gapped in _gapped(lemma)]
    return [one for many in (nouns, verbs, spelt) for one in _thinned(many)]


def _word(lemma: str, kind: Kind, forms: dict[str, str]) -> Word:
    allowed = {regular(lemma, cell, doubles=doubles) for cell in forms for doubles in (False, True)}
    return Word(lemma=lemma, kind=kind, forms=forms, irregular=not allowed >= set(forms.values()))


def _corrections() -> list[str]:
    """The words that codespell corrects to, where there is one."""
    folder = Path(str(need("codespell_lib", "language").__file__)).parent / "data"
    lines = io.read_text(folder / "dictionary.txt").splitlines()
    pattern = re.compile(r"^[a-z]+->([a-z]{3,})$")
    return sorted({match[1] for line in lines if (match := pattern.match(line))})


def _gapped(word: str) -> list[str]:
    pattern = r"(?:(?<=[a-z]{2})(ei|ie)(?=[a-z]{2})|(?<=fu)(ll?)(?=$|y$)|(?<=[a-z])([iy])(?=ness$))"
    return [
        f"{word[: match.start()]}({match[0]}){word[match.end() :]}"
        for match in re.finditer(pattern, word)
    ]


def _thinned(many: list[Word]) -> list[Word]:
    rare = [word for word in many if word.irregular]
    rest = [word for word in many if not word.irregular]
    step = max(1, -(-len(rest) // MAX_TABLE_WORDS))
    return rare + rest[::step]
