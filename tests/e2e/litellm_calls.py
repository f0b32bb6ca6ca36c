"""One call of each kind that the official SDKs make, for a model of the caller's choice."""

import json
from collections.abc import Callable
from typing import Any

from tests.e2e.sdks import ASKED, QUESTION, SCHEMA, TOOL, Clients

FUNCTION = {"name": TOOL[0], "parameters": SCHEMA}


def chat(clients: Clients, model: str) -> object:
    with clients.to_openai() as client:
        answer = client.chat.completions.create(model=model, messages=ASKED)
    return answer.choices[0].message.content


def chat_stream(clients: Clients, model: str) -> object:
    with (
        clients.to_openai() as client,
        client.chat.completions.create(model=model, messages=ASKED, stream=True) as chunks,
    ):
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def chat_tool(clients: Clients, model: str) -> object:
    with clients.to_openai() as client:
        answer = client.chat.completions.create(
            model=model, messages=ASKED, tools=[{"type": "function", "function": FUNCTION}]
        )
    [call] = answer.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def chat_tool_stream(clients: Clients, model: str) -> object:
    with (
        clients.to_openai() as client,
        client.chat.completions.create(
            model=model,
            messages=ASKED,
            tools=[{"type": "function", "function": FUNCTION}],
            stream=True,
        ) as chunks,
    ):
        deltas = [
            call.function
            for chunk in chunks
            for choice in chunk.choices
            for call in choice.delta.tool_calls or ()
        ]
    name = "".join(delta.name or "" for delta in deltas)
    return name, json.loads("".join(delta.arguments or "" for delta in deltas))


def responses(clients: Clients, model: str) -> object:
    with clients.to_openai() as client:
        return client.responses.create(model=model, input=QUESTION).output_text


def responses_stream(clients: Clients, model: str) -> object:
    with (
        clients.to_openai() as client,
        client.responses.create(model=model, input=QUESTION, stream=True) as events,
    ):
        return "".join(e.delta for e in events if e.type == "response.output_text.delta")


def responses_tool(clients: Clients, model: str) -> object:
    tool = {"type": "function", **FUNCTION, "strict": False}
    with clients.to_openai() as client:
        answer = client.responses.create(model=model, input=QUESTION, tools=[tool])
    [call] = [item for item in answer.output if item.type == "function_call"]
    return call.name, json.loads(call.arguments)


def embeddings(clients: Clients, model: str) -> object:
    with clients.to_openai() as client:
        answer = client.embeddings.create(model=model, input=["one", "two"])
    return len(answer.data)


def messages(clients: Clients, model: str) -> object:
    with clients.to_anthropic() as client:
        answer = client.messages.create(model=model, max_tokens=99, messages=ASKED)
    return answer.content[0].text


def messages_stream(clients: Clients, model: str) -> object:
    with (
        clients.to_anthropic() as client,
        client.messages.stream(model=model, max_tokens=99, messages=ASKED) as stream,
    ):
        return "".join(stream.text_stream)


def messages_tool(clients: Clients, model: str) -> object:
    with clients.to_anthropic() as client:
        answer = client.messages.create(
            model=model,
            max_tokens=99,
            messages=ASKED,
            tools=[{"name": TOOL[0], "input_schema": SCHEMA}],
        )
    [call] = [block for block in answer.content if block.type == "tool_use"]
    return call.name, call.input


def messages_tool_stream(clients: Clients, model: str) -> object:
    with (
        clients.to_anthropic() as client,
        client.messages.stream(
            model=model,
            max_tokens=99,
            messages=ASKED,
            tools=[{"name": TOOL[0], "input_schema": SCHEMA}],
        ) as stream,
    ):
        answer = stream.get_final_message()
    [call] = [block for block in answer.content if block.type == "tool_use"]
    return call.name, call.input


def beta_messages(clients: Clients, model: str) -> object:
    """Which the SDK marks in the query and in a header."""
    with clients.to_anthropic() as client:
        answer = client.beta.messages.create(
            model=model, max_tokens=99, messages=ASKED, betas=["a-beta-2026-01-01"]
        )
    return answer.content[0].text


def count_tokens(clients: Clients, model: str) -> object:
    with clients.to_anthropic() as client:
        return client.messages.count_tokens(model=model, messages=ASKED).input_tokens > 0


def groq_chat(clients: Clients, model: str) -> object:
    with clients.to_groq() as client:
        answer = client.chat.completions.create(model=model, messages=ASKED)
    return answer.choices[0].message.content


def groq_stream(clients: Clients, model: str) -> object:
    with (
        clients.to_groq() as client,
        client.chat.completions.create(model=model, messages=ASKED, stream=True) as chunks,
    ):
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def groq_tool(clients: Clients, model: str) -> object:
    with clients.to_groq() as client:
        answer = client.chat.completions.create(
            model=model, messages=ASKED, tools=[{"type": "function", "function": FUNCTION}]
        )
    [call] = answer.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def gemini(clients: Clients, model: str) -> object:
    with clients.to_gemini() as client:
        return client.models.generate_content(model=model, contents=QUESTION).text


def gemini_stream(clients: Clients, model: str) -> object:
    with clients.to_gemini() as client:
        parts = client.models.generate_content_stream(model=model, contents=QUESTION)
        return "".join(part.text or "" for part in parts)


def gemini_tool(clients: Clients, model: str) -> object:
    tool = {"function_declarations": [{"name": TOOL[0], "parameters_json_schema": SCHEMA}]}
    with clients.to_gemini() as client:
        answer = client.models.generate_content(
            model=model, contents=QUESTION, config={"tools": [tool]}
        )
    [call] = answer.function_calls
    return call.name, call.args


def gemini_count_tokens(clients: Clients, model: str) -> object:
    with clients.to_gemini() as client:
        return client.models.count_tokens(model=model, contents=QUESTION).total_tokens > 0


def gemini_embeddings(clients: Clients, model: str) -> object:
    with clients.to_gemini() as client:
        answer = client.models.embed_content(model=model, contents="one")
    return len(answer.embeddings)


type Call = Callable[[Clients, str], object]

GPT, CLAUDE, LLAMA, GEMINI = "gpt-5.1-mini", "claude-haiku-4-5", "llama-4", "gemini-2.5-flash"
"""What the clients ask for; LiteLLM knows none of these names."""
EMBEDDING = "text-embedding-3-small"

TEXT_CALLS: tuple[tuple[Call, str], ...] = (
    (chat, GPT),
    (chat_stream, GPT),
    (responses, GPT),
    (responses_stream, GPT),
    (messages, CLAUDE),
    (messages_stream, CLAUDE),
    (beta_messages, CLAUDE),
    (groq_chat, LLAMA),
    (groq_stream, LLAMA),
    (gemini, GEMINI),
    (gemini_stream, GEMINI),
)
TOOL_CALLS: tuple[tuple[Call, str], ...] = (
    (chat_tool, GPT),
    (chat_tool_stream, GPT),
    (responses_tool, GPT),
    (messages_tool, CLAUDE),
    (messages_tool_stream, CLAUDE),
    (groq_tool, LLAMA),
    (gemini_tool, GEMINI),
)
OTHER_CALLS: tuple[tuple[Call, str, object], ...] = (
    (embeddings, EMBEDDING, 2),
    (count_tokens, CLAUDE, True),
    (gemini_count_tokens, GEMINI, True),
)
PLAIN_CALLS: tuple[tuple[Call, str], ...] = (
    (chat, GPT),
    (responses, GPT),
    (messages, CLAUDE),
    (groq_chat, LLAMA),
    (gemini, GEMINI),
)


def body(model: str, **more: Any) -> dict[str, Any]:
    """One that every dialect can read."""
    content = {"role": "user", "parts": [{"text": QUESTION}]}
    return {
        "model": model,
        "max_tokens": 9,
        "messages": ASKED,
        "input": QUESTION,
        "contents": [content],
        **more,
    }
