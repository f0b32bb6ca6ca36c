import anthropic, openai
from tests.e2e.mitmdump import Mitmdump
from tests.fakes import Provider

def test_a(direct: Mitmdump, provider: Provider):
    c = openai.OpenAI(api_key="sk-x", base_url=f"{direct.url}/v1", max_retries=0)
    r = c.chat.completions.create(model="gpt-x", messages=[{"role":"user","content":"hi"}])
    print(r); print(provider.requests[-1])
    r = c.responses.create(model="gpt-x", input="hi"); print(r.output_text)
    for e in c.chat.completions.create(model="gpt-x", messages=[{"role":"user","content":"hi"}], stream=True): print(e.choices and e.choices[0].delta.content, end="|")
    print([m.id for m in c.models.list()])
    with direct.client() as h:
        r = h.post("https://api.anthropic.com/v1/messages", json={"model":"c","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}, headers={"x-api-key":"k","x-sm-user-id":"me","x-memory-foo":"1"})
        print(r, r.text, r.headers); print(provider.requests[-1])
        r = h.post("https://api.anthropic.com/v1/messages?beta=true", json={"stream":True,"model":"c","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}, headers={"x-api-key":"k","x-sm-user-id":"me","x-memory-foo":"1"})
        print(r, r.text)
    print(direct.log)
    assert 0
