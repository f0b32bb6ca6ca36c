"""Questions in other languages than English: told apart, and answered where there is an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall import languages
from recall.embedding import MiniLM
from recall.engine import Recall
from recall.records import Draft, Scope
from recall.scopes import Stores

PROJECT = Scope("/work/orchard")
PATIENCE = 30.0

# --- telling them apart --------------------------------------------------------------------

ENGLISH = [
    "Where is the parser?",
    "redis cache eviction",
    "parse_config_v2",
    "src/main/java/App.java",
    "Who is José García?",
    "What did Müller say about the Straße table?",
    "fix el grammar de la docs, and make it what the tests want",
    "",
    "42",
]
OTHERS = [
    "Wie heißt der Server?",
    "Wie heisst der Server?",
    "Warum schlägt der Build im CI fehl, wenn ich den Cache lösche?",
    "Où sont les journaux ?",
    "Comment faire du pain ?",
    "¿Dónde están los registros?",
    "Dove sono i log della produzione?",
    "Onde ficam os registros da produção?",
    "Waar staan de logs?",
    "Gdzie są logi?",
    "Var ligger loggarna för produktionen?",
    "Günlükler nerede?",
    "Kde jsou logy?",
    "Где лежат логи?",
    "日志在哪里？",
    "ログはどこですか？",
    "로그는 어디에 있나요?",
    "أين السجلات؟",
    "लॉग कहाँ हैं?",
    "Logs bitte auf Deutsch erklären, nicht auf English",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_nothing_shows_that_it_is_not_english(text: str) -> None:
    assert languages.is_english(text)


@pytest.mark.parametrize("text", OTHERS)
def test_another_language_is_recognised(text: str) -> None:
    assert not languages.is_english(text)


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    languages.is_english(text)
    for word in languages.telling(text.split()):
        assert word in text


def test_what_only_joins_words_is_left_out() -> None:
    assert languages.telling(["请求书是什么时候生成的"]) == ["请求书", "生成"]
    assert languages.telling(["部署サーバーの名前は"]) == ["部署", "サーバー", "名前"]
    assert languages.telling(["où", "sont", "les", "journaux"]) == ["journaux"]


# --- with the shipped model ----------------------------------------------------------------


class Talk(NamedTuple):
    facts: tuple[str, ...]
    related: dict[str, int]  # the place of the fact that answers it
    unrelated: tuple[str, ...]


TALKS = {
    "German": Talk(
        (
            "Der Bauserver heißt Kranich und steht im Keller.",
            "Die Lieferscheine werden jede Nacht gedruckt.",
            "Für die Warteschlange nehmen wir RabbitMQ.",
            "Die Schriftart der Etiketten ist Fira Mono.",
            "Der Wartungsvertrag endet im Oktober.",
            "Das Lager in Kassel zählt freitags den Bestand.",
            "Fehlermeldungen gehen an das Team von Jana.",
            "Die Adressen prüft ein Dienst der Post.",
        ),
        {
            "Wie heißt unser Bauserver?": 0,
            "Wann werden die Lieferscheine gedruckt?": 1,
            "Welche Schriftart haben die Etiketten?": 3,
            "Wann endet der Wartungsvertrag?": 4,
        },
        (
            "Wie lange kocht man ein Ei?",
            "Warum ist der Himmel blau?",
            "Wer hat die Glühbirne erfunden?",
            "Wie viele Beine hat eine Spinne?",
            "Schreib mir ein Gedicht über den Herbst.",
            "Was ist die Hauptstadt von Kanada?",
        ),
    ),
    "French": Talk(
        (
            "Le serveur de construction s'appelle Grue et se trouve à la cave.",
            "Les bons de livraison sont imprimés chaque nuit.",
            "Pour la file d'attente nous utilisons RabbitMQ.",
            "La police des étiquettes est Fira Mono.",
            "Le contrat de maintenance se termine en octobre.",
            "L'entrepôt de Lyon compte le stock le vendredi.",
            "Les erreurs sont envoyées à l'équipe de Jeanne.",
            "Un service de la poste vérifie les adresses.",
        ),
        {
            "Comment s'appelle le serveur de construction ?": 0,
            "Quand les bons de livraison sont-ils imprimés ?": 1,
            "Quelle est la police des étiquettes ?": 3,
            "Quand se termine le contrat de maintenance ?": 4,
        },
        (
            "Combien de temps faut-il cuire un œuf ?",
            "Pourquoi le ciel est-il bleu ?",
            "Qui a inventé l'ampoule ?",
            "Combien de pattes a une araignée ?",
            "Écris-moi un poème sur l'automne.",
            "Quelle est la capitale du Canada ?",
        ),
    ),
    "Spanish": Talk(
        (
            "El servidor de compilación se llama Grulla y está en el sótano.",
            "Los albaranes se imprimen cada noche.",
            "Para la cola usamos RabbitMQ.",
            "La tipografía de las etiquetas es Fira Mono.",
            "El contrato de mantenimiento termina en octubre.",
            "El almacén de Vigo cuenta las existencias los viernes.",
            "Los errores llegan al equipo de Juana.",
            "Un servicio de correos comprueba las direcciones.",
        ),
        {
            "¿Cómo se llama el servidor de compilación?": 0,
            "¿Cuándo se imprimen los albaranes?": 1,
            "¿Qué tipografía tienen las etiquetas?": 3,
            "¿Cuándo termina el contrato de mantenimiento?": 4,
        },
        (
            "¿Cuánto tiempo se cuece un huevo?",
            "¿Por qué el cielo es azul?",
            "¿Quién inventó la bombilla?",
            "¿Cuántas patas tiene una araña?",
            "Escríbeme un poema sobre el otoño.",
            "¿Cuál es la capital de Canadá?",
        ),
    ),
    "Chinese": Talk(
        (
            "构建服务器叫白鹤，放在地下室。",
            "送货单每天夜里打印。",
            "消息队列使用RabbitMQ。",
            "标签的字体是Fira Mono。",
            "维护合同十月结束。",
            "苏州仓库每周五盘点库存。",
            "错误信息发给珍妮的团队。",
            "邮局的服务负责核对地址。",
        ),
        {
            "构建服务器叫什么？": 0,
            "送货单什么时候打印？": 1,
            "标签用什么字体？": 3,
            "维护合同什么时候结束？": 4,
        },
        (
            "煮鸡蛋需要多久？",
            "天空为什么是蓝色的？",
            "谁发明了灯泡？",
            "蜘蛛有几条腿？",
            "给我写一首秋天的诗。",
            "加拿大的首都是哪里？",
        ),
    ),
    "Arabic": Talk(
        (
            "خادم البناء اسمه كركي ويقع في القبو.",
            "تُطبع إيصالات التسليم كل ليلة.",
            "نستخدم RabbitMQ لقائمة الانتظار.",
            "خط الملصقات هو Fira Mono.",
            "ينتهي عقد الصيانة في أكتوبر.",
            "يحصي مستودع طنجة المخزون يوم الجمعة.",
            "تُرسل رسائل الخطأ إلى فريق جميلة.",
            "تتحقق خدمة البريد من العناوين.",
        ),
        {
            "ما اسم خادم البناء؟": 0,
            "متى تُطبع إيصالات التسليم؟": 1,
            "ما خط الملصقات؟": 3,
            "متى ينتهي عقد الصيانة؟": 4,
        },
        (
            "كم دقيقة تُسلق البيضة؟",
            "لماذا السماء زرقاء؟",
            "من اخترع المصباح؟",
            "كم رجلاً للعنكبوت؟",
            "اكتب لي قصيدة عن الخريف.",
            "ما عاصمة كندا؟",
        ),
    ),
}


@pytest.fixture(scope="module", params=list(TALKS))
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Talk, Recall]]:
    """A talk whose facts are remembered."""
    talk = TALKS[request.param]
    folder: Path = tmp_path_factory.mktemp("memory")
    stores = Stores(folder, MiniLM())
    with stores.open(PROJECT) as store:
        store.add([Draft(text=fact) for fact in talk.facts])
        store.embed_pending()
    recall = Recall(stores)
    yield talk, recall
    recall.close()
    stores.close()


def test_who_asks_in_another_language_gets_the_answer(told: tuple[Talk, Recall]) -> None:
    talk, recall = told
    for question, place in talk.related.items():
        found = recall.recall_now(question, PROJECT, PATIENCE).memories
        assert talk.facts[place] in [memory.text for memory in found], question


def test_what_has_nothing_to_do_with_it_gets_nothing(told: tuple[Talk, Recall]) -> None:
    talk, recall = told
    answered = [
        question
        for question in talk.unrelated
        if recall.recall_now(question, PROJECT, PATIENCE).memories
    ]
    assert answered == []
