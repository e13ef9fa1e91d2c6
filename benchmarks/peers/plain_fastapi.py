"""What people write without a product: FastAPI, Pillow and torch in one short file.

`benchmarks.serving.load` starts it as the peer; it is no program of its own.
"""

import io
import sys
from typing import Annotated

import torch
import uvicorn
from fastapi import FastAPI, File, UploadFile
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import resnet18
from torchvision.transforms import v2

app = FastAPI()
network = resnet18(num_classes=2).eval()
transform = v2.Compose(
    [
        v2.Resize(256),
        v2.CenterCrop(224),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


@app.post("/predict")
def predict(file: Annotated[UploadFile, File()]) -> dict[str, float]:
    """The probability of each class."""
    image = Image.open(io.BytesIO(file.file.read())).convert("RGB")
    with torch.inference_mode():
        probabilities = network(transform(image)[None]).softmax(1)[0].tolist()
    return dict(zip(("dandelion", "grass"), probabilities, strict=True))


if __name__ == "__main__":
    network.load_state_dict(load_file(sys.argv[1]))
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
