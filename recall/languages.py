"""Whether a question is in English, which is all that the shipped model understands.

To the model, texts of another language are above all texts of that language: whatever they say,
they lie close together, and how close tells nothing. Such questions are judged by their words.
"""

import re
from collections.abc import Iterable
from typing import Final

from recall.words import plain_marks

_READ: Final = 500  # characters, in which a language shows
# As said, and as keyboards without accents write it. What is an English word too, or a usual name
# of something in a program, is left out.
_OTHERS: Final = """
    aber auch auf aus bei bist dass das dein deine dem der des dich dir du ein eine einem einen
    einer er es fuer für hab habe haben ich ihr im ist kann kein keine mein meine mich mir mit
    nach nicht noch nur oder sich sie sind über und uns unser unsere vom von wann warum was welche
    welchem welchen welcher welches wem wen wenn wer werden wie wieviel wir wird wo wohin worum
    wurde wurden zu zum zur
    au aux avec ce ces cette chez combien dans des du elle elles est et être il ils je la
    laquelle le lequel les leur ma mes mon ne nos notre nous où ou pas pourquoi quand que quel
    quelle quelles quels qui quoi sa ses sont sur ta tes toi tu un une vos votre vous
    al algo como cómo cual cuál cuales cuáles cuando cuándo cuanto cuánto cuántos de del donde
    dónde el ella ellos en es esta está están este esto estos hay las los mi muy nos nuestra
    nuestro para pero por porque porqué qué quien quién su sus también una uno
    alla anche che cosa da dei del della delle dello di dove gli ho il io lo mio nel nella non
    nostra nostro perché per più quale quali quando quanto questa questo sono ti tra una
    ao aos da das do ela ele era essa esse está eu foi isso já mais meu minha não nas nos nós onde
    ou pela pelo por porquê quais qual quando quanto quantos quem são seu sua também têm um uma
    você vocês
    aan bij dat de deze een en geen heb hebben het hij hoe hoeveel ik je jij jullie kan maar mijn
    naar niet ons onze ook uit veel voor waar waarom wanneer wat welk welke wie wij worden zijn
    czy dla dlaczego do gdzie ich ile jak jaka jaki jakie jest jestem kiedy kto która które który
    nie od po przez są się skąd to że
    att av då de den det där en ett för från har hur hvad hvem hvor hvordan hvorfor ikke inte jag
    kan mig mit när någon och og om på som till är vad varför vem vi vilka vilken
    ama bir bu çok da daha de değil en hangi için ile kaç mi mı mu mü nasıl ne neden nerede niye
    şu ve veya
    co gde jak jaká jaké jaký je jsem jsou kde kdo kdy kolik které který proč že"""
# As far as they are not words of another language as well.
_FUNCTION_WORDS: Final = """
    about after all and any are at be because been before but by can could did does for from give
    had has have his how if into is it its just make may might more most my need not of off once
    only or our out please put she should show some tell than that the their them then there these
    they this those to too up use used we were what when where which while who whom whose why will
    with would write you your"""
_ENGLISH: Final = frozenset(_FUNCTION_WORDS.split())
# Words of other languages that are English words too, or usual in programs: where the language is
# known, they only join others.
_EITHER: Final = """
    am an as at bin com come con da die dit do dos em for hat he in is man me met mit na no of on op
    or os par pour pro sale se si so son sous to van var war was we"""
# Of languages that show by their letters.
_FURTHER: Final = """
    без был была были было в вы где для его есть за и из или как какая какие какой когда кто ли мы
    на не нет о об он она они от по почему с сколько так то ты у что это я
    або був де для до з за і й її його коли куди ми на наш не про та таке ти хто це чи чому що як
    яка який
    أن أنا أو أين إلى الذي التي عن على في كم كيف لا لماذا ما ماذا متى من نحن هذا هذه هل هم هو هي و
    אם אני איך איפה את הוא היא זה כמה לא למה מה מי מתי עם של
    और कब का कि की के को कौन क्या क्यों कहाँ कैसे थी था थे ने पर में मेरा से है हैं
    누가 누구 몇 무슨 무엇 무엇을 어느 어디 어디에 어떤 어떻게 언제 얼마나 왜"""
_OTHER: Final = frozenset(_OTHERS.split()) - _ENGLISH

# As `words.asked` gives them: some of them without accents.
_JOINING: Final = frozenset(
    form
    for word in (*_OTHER, *_EITHER.split(), *_FURTHER.split())
    for form in (word, plain_marks(word))
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_LATIN: Final = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]+")

_IDEOGRAPHS: Final = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_KATAKANA: Final = r"\u30a1-\u30fa\u30fc-\u30ff"
_HIRAGANA: Final = r"\u3041-\u309f"
# Where a run of Chinese or Japanese falls into words, as far as that can be had without a
# dictionary: at what only joins them, and where the kind of letter changes.
_BETWEEN: Final = re.compile(
    rf"[{_HIRAGANA}]+|为什么|為什麼|什么时候|什麼時候|什么|什麼|怎么样|怎么|怎麼|怎样|如何|哪里|哪儿|哪裡"
    r"|哪个|哪些|多少|多久|是否|我们|我們|你们|你們|他们|[的了吗嗎呢吧啊是我你他她它谁誰哪何]"
    rf"|(?<=[{_KATAKANA}])(?=[{_IDEOGRAPHS}])|(?<=[{_IDEOGRAPHS}])(?=[{_KATAKANA}])"
)
_CUT: Final = re.compile(f"[{_IDEOGRAPHS}{_KATAKANA}]")


def is_english(text: str) -> bool:
    """Whether nothing shows that a text is in another language; a name or a path shows nothing."""
    text = text[:_READ]
    if not text.isascii():
        latin = sum(map(len, _LATIN.findall(text)))
        if latin < sum(map(str.isalpha, text)) / 2:
            return False
    said = [word.casefold() for word in _WORD.findall(text)]
    return sum(word in _OTHER for word in said) <= sum(word in _ENGLISH for word in said)


def telling(words: Iterable[str]) -> list[str]:
    """Of a question in another language, the words that tell what it is about."""
    found = []
    for word in words:
        if _CUT.search(word):
            found += [part for part in _BETWEEN.split(word) if len(part) > 1]
        elif not all(_only_joins(part) for part in word.casefold().split("-")):
            found.append(word)
    return found


def _only_joins(word: str) -> bool:
    return word in _JOINING or (len(word) == 1 and word.isalpha())
