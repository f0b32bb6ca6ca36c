import httpx, json, time
from tests.e2e.litellm_scene import Scene
from tests.e2e.litellm_calls import *
from tests.fakes import Step
def test_try(scene: Scene) -> None:
    for how in ("reset",):
      for n in (4,):
        for path,more in [("/v1/chat/completions",{"model":GPT}),("/v1/responses",{"model":GPT}),("/v1/messages",{"model":CLAUDE}),("/v1beta/models/gemini:streamGenerateContent?alt=sse",{}),("/v1beta/models/gemini:streamGenerateContent",{})]:
            scene.upstream.always(Step(break_after=n, break_how=how, chunk_delay=0.1,chunks=8,text="a b c d e f g h"))
            b=body(GPT,stream=True)|more
            print("=====",how,n,path)
            try:
              with httpx.stream("POST",scene.proxy.url+path,json=b,timeout=30) as r:
                print(r.status_code, r.headers["content-type"])
                for c in r.iter_raw(): print("   ",c[-400:])
            except Exception as e: print("EXC",type(e),e)
    assert 0
def test_sdk(scene: Scene) -> None:
    from tests.e2e.test_sdks import Clients
    scene.upstream.always(Step(break_after=4, chunk_delay=0.1, chunks=8,text="a b c d e f g h"))
    for call,m in [(chat_stream,GPT),(responses_stream,GPT),(messages_stream,CLAUDE),(groq_stream,LLAMA),(gemini_stream,GEMINI)]:
        try: print(call.__name__, repr(call(Clients(scene.proxy.url,True),m)))
        except Exception as e: print(call.__name__,"EXC",type(e),e)
    assert 0
