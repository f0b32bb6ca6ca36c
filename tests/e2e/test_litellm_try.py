import httpx, json
from tests.e2e.litellm_scene import Scene
def test_try(scene: Scene) -> None:
    p=scene.proxy.url
    for path,body,h in [
      ("/v1/chat/completions?a=b",{"model":"gpt-5.1-mini","messages":[{"role":"user","content":"hi"}]},{"authorization":"Bearer sk-client"}),
      ("/v1/messages?beta=true",{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hi"}]},{"x-api-key":"sk-client","anthropic-version":"2023-06-01","x-litellm-customer-id":"evil"}),
      ("/v1beta/models/gemini-9:generateContent?key=AIzaclient&x=y",{"contents":[{"role":"user","parts":[{"text":"hi"}]}]},{"user-agent":"GeminiCLI/1"}),
      ("/v1beta/models/gemini-9:streamGenerateContent?key=AIzaclient",{"contents":[{"role":"user","parts":[{"text":"hi"}]}]},{}),
    ]:
        r=httpx.post(p+path,json=body,headers=h,timeout=60)
        print(path,r.status_code,r.headers,r.text[:300])
    for path in ["/v1/models","/v1beta/models?key=AIzax","/v1beta/models/gemini"]:
        r=httpx.get(p+path,timeout=60)
        print(path,r.status_code,r.headers,r.text[:300])
    import time; time.sleep(2)
    print(scene.witness.file.read_text())
    for s in scene.upstream.requests: print(s.method,s.path,s.headers,s.body[:200])
    print(scene.proxy.ask("/health"))
    assert 0
