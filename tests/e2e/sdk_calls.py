"""One call of each kind that the official SDKs make, and what it was told."""

import asyncio
import json
from collections.abc import Callable
from types import FunctionType

from tests.e2e.sdks import ASKED, MODEL, QUESTION, SCHEMA, TOOL, Clients
from tests.fakes import model_lists


def chat(clients: Clients) -> object:
    with clients.to_openai() as client:
        answer = client.chat.completions.create(model=MODEL, messages=ASKED)
    return answer.choices[0].message.content


def chat_stream(clients: Clients) -> object:
    with (
        clients.to_openai() as client,
        client.chat.completions.create(model=MODEL, messages=ASKED, stream=True) as chunks,
    ):
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def chat_tool(clients: Clients) -> object:
    function = {"name": TOOL[0], "parameters": SCHEMA}
    with clients.to_openai() as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=ASKED, tools=[{"type": "function", "function": function}]
        )
    [call] = answer.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def responses(clients: Clients) -> object:
    with clients.to_openai() as client:
        return client.responses.create(model=MODEL, input=QUESTION).output_text


def responses_stream(clients: Clients) -> object:
    with (
        clients.to_openai() as client,
        client.responses.create(model=MODEL, input=QUESTION, stream=True) as events,
    ):
        return "".join(e.delta for e in events if e.type == "response.output_text.delta")


def responses_tool(clients: Clients) -> object:
    tool = {"type": "function", "name": TOOL[0], "parameters": SCHEMA, "strict": False}
    with clients.to_openai() as client:
        answer = client.responses.create(model=MODEL, input=QUESTION, tools=[tool])
    [call] = [item for item in answer.output if item.type == "function_call"]
    return call.name, json.loads(call.arguments)


def messages(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        answer = client.messages.create(model=MODEL, max_tokens=99, messages=ASKED)
    return answer.content[0].text


def messages_stream(clients: Clients) -> object:
    with (
        clients.to_anthropic() as client,
        client.messages.stream(model=MODEL, max_tokens=99, messages=ASKED) as stream,
    ):
        return "".join(stream.text_stream)


def messages_tool(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        answer = client.messages.create(
            model=MODEL,
            max_tokens=99,
            messages=ASKED,
            tools=[{"name": TOOL[0], "input_schema": SCHEMA}],
        )
    [call] = [block for block in answer.content if block.type == "tool_use"]
    return call.name, call.input


def beta_messages(clients: Clients) -> object:
    """Which the SDK marks in the query and in a header."""
    with clients.to_anthropic() as client:
        answer = client.beta.messages.create(
            model=MODEL, max_tokens=99, messages=ASKED, betas=["a-beta-2026-01-01"]
        )
    return answer.content[0].text


def groq_chat(clients: Clients) -> object:
    with clients.to_groq() as client:
        answer = client.chat.completions.create(model=MODEL, messages=ASKED)
    return answer.choices[0].message.content


def groq_stream(clients: Clients) -> object:
    with (
        clients.to_groq() as client,
        client.chat.completions.create(model=MODEL, messages=ASKED, stream=True) as chunks,
    ):
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def groq_tool(clients: Clients) -> object:
    function = {"name": TOOL[0], "parameters": SCHEMA}
    with clients.to_groq() as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=ASKED, tools=[{"type": "function", "function": function}]
        )
    [call] = answer.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def gemini(clients: Clients) -> object:
    with clients.to_gemini() as client:
        return client.models.generate_content(model=MODEL, contents=QUESTION).text


def gemini_stream(clients: Clients) -> object:
    with clients.to_gemini() as client:
        parts = client.models.generate_content_stream(model=MODEL, contents=QUESTION)
        return "".join(part.text or "" for part in parts)


def gemini_tool(clients: Clients) -> object:
    tool = {"function_declarations": [{"name": TOOL[0], "parameters_json_schema": SCHEMA}]}
    with clients.to_gemini() as client:
        answer = client.models.generate_content(
            model=MODEL, contents=QUESTION, config={"tools": [tool]}
        )
    [call] = answer.function_calls
    return call.name, call.args


def async_chat(clients: Clients) -> object:
    async def ask() -> object:
        async with clients.to_openai_async() as client:
            answer = await client.chat.completions.create(model=MODEL, messages=ASKED)
        return answer.choices[0].message.content

    return asyncio.run(ask())


def async_chat_stream(clients: Clients) -> object:
    async def ask() -> object:
        async with (
            clients.to_openai_async() as client,
            await client.chat.completions.create(
                model=MODEL, messages=ASKED, stream=True
            ) as chunks,
        ):
            return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])

    return asyncio.run(ask())


def async_responses_stream(clients: Clients) -> object:
    async def ask() -> object:
        async with (
            clients.to_openai_async() as client,
            client.responses.stream(model=MODEL, input=QUESTION) as stream,
        ):
            return (await stream.get_final_response()).output_text

    return asyncio.run(ask())


def async_messages_stream(clients: Clients) -> object:
    async def ask() -> object:
        async with (
            clients.to_anthropic_async() as client,
            client.messages.stream(model=MODEL, max_tokens=99, messages=ASKED) as stream,
        ):
            return await stream.get_final_text()

    return asyncio.run(ask())


def async_groq_chat(clients: Clients) -> object:
    async def ask() -> object:
        async with clients.to_groq_async() as client:
            answer = await client.chat.completions.create(model=MODEL, messages=ASKED)
        return answer.choices[0].message.content

    return asyncio.run(ask())


def async_gemini_stream(clients: Clients) -> object:
    async def ask() -> object:
        with clients.to_gemini() as client:
            async with client.aio as aio:
                parts = await aio.models.generate_content_stream(model=MODEL, contents=QUESTION)
                return "".join([part.text or "" async for part in parts])

    return asyncio.run(ask())


def embeddings(clients: Clients) -> object:
    with clients.to_openai() as client:
        answer = client.embeddings.create(model=MODEL, input=["one", "two"], dimensions=4)
    return [len(one.embedding) for one in answer.data]


def gemini_embeddings(clients: Clients) -> object:
    with clients.to_gemini() as client:
        answer = client.models.embed_content(
            model=MODEL, contents="one", config={"output_dimensionality": 4}
        )
    return [len(one.values) for one in answer.embeddings]


def count_tokens(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        counted = client.messages.count_tokens(model=MODEL, messages=ASKED)
    return counted.input_tokens > 0


def gemini_count_tokens(clients: Clients) -> object:
    with clients.to_gemini() as client:
        return client.models.count_tokens(model=MODEL, contents=QUESTION).total_tokens > 0


def models(clients: Clients) -> object:
    with clients.to_openai() as client:
        return [model.id for model in client.models.list()]


def anthropic_models(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        return [model.id for model in client.models.list()]


def groq_models(clients: Clients) -> object:
    with clients.to_groq() as client:
        return [model.id for model in client.models.list().data]


def gemini_models(clients: Clients) -> object:
    with clients.to_gemini() as client:
        return [model.name for model in client.models.list()]


type Call = Callable[[Clients], object]

TEXT_CALLS: tuple[Call, ...] = (
    chat,
    chat_stream,
    responses,
    responses_stream,
    messages,
    messages_stream,
    beta_messages,
    groq_chat,
    groq_stream,
    gemini,
    gemini_stream,
    async_chat,
    async_chat_stream,
    async_responses_stream,
    async_messages_stream,
    async_groq_chat,
    async_gemini_stream,
)
TOOL_CALLS: tuple[Call, ...] = (chat_tool, responses_tool, messages_tool, groq_tool, gemini_tool)
OTHER_CALLS: tuple[tuple[Call, object], ...] = (
    (embeddings, [4, 4]),
    (gemini_embeddings, [4]),
    (count_tokens, True),
    (gemini_count_tokens, True),
    (models, list(model_lists.OPENAI_MODELS)),
    (anthropic_models, list(model_lists.ANTHROPIC_MODELS)),
    (groq_models, list(model_lists.OPENAI_MODELS)),
    (gemini_models, [f"models/{name}" for name in model_lists.GEMINI_MODELS]),
)
EVERY_CALL: tuple[Call, ...] = (*TEXT_CALLS, *TOOL_CALLS, *(call for call, _ in OTHER_CALLS))


def name_of(value: object) -> str | None:
    return value.__name__ if isinstance(value, FunctionType) else None
