"""One optimizer step of GPT-2 124M in Hugging Face transformers, random weights: prints its median milliseconds as JSON."""
import json
import sys
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel

batch, context, steps = (int(word) for word in sys.argv[1:])
sizes = GPT2Config(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
model = GPT2LMHeadModel(sizes).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
ids = torch.randint(0, 50257, (batch, context))
seconds = []
for _ in range(steps):
    start = time.perf_counter()
    optimizer.zero_grad()
    model(ids, labels=ids).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    seconds.append(time.perf_counter() - start)
seconds = sorted(seconds[1:])
print(json.dumps({"stepMsMedian": round(1000 * seconds[len(seconds) // 2], 1)}))
