"""Questions and their answers."""

from tests.hub.records import FIRST

from skerry_hub.writer.asking import Asking
from skerry_wire.messages import Reply


def reply(request, **fields):
    return Reply(incarnation=FIRST, boot=1, seq=1, id=request.id, **fields)


def test_an_answer_reaches_who_asked():
    asking = Asking()

    def send(request):
        assert request.verb == "order"
        asking.answered("box-1", reply(request, body=b"x"))

    assert asking.ask("box-1", "order", send, 5).body == b"x"


def test_the_answer_of_another_node_is_nobodys():
    asking = Asking()
    found = asking.ask("box-1", "order", lambda r: asking.answered("box-2", reply(r)), 0.01)
    assert found is None


def test_an_answer_that_comes_twice_or_too_late_is_let_pass():
    asking, sent = Asking(), []

    def send(request):
        sent.append(request)
        asking.answered("box-1", reply(request, body=b"first"))
        asking.answered("box-1", reply(request, body=b"second"))

    assert asking.ask("box-1", "order", send, 5).body == b"first"
    asking.answered("box-1", reply(sent[0]))
    assert asking.ask("box-1", "order", sent.append, 0.01) is None
    assert len({request.id for request in sent}) == 2
