"""The stock Triton client, unmodified, in an environment of its own: ``stock_client.py ADDRESS``.

Asks what any such client asks first, then infers with every datatype, without knowing the models
beforehand; prints one JSON object of what it saw.
"""

import json
import sys

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

ARGUMENT_COUNT = 2


def infer_blindly(client: InferenceServerClient, model: str) -> dict[str, bool]:
    """Send every input something of the shape that the metadata tell; compare what comes back."""
    metadata = client.get_model_metadata(model)
    inputs, sent = [], {}
    for number, tensor in enumerate(metadata.inputs):
        shape = [3 if size < 0 else size for size in tensor.shape]
        values = np.arange(int(np.prod(shape))).reshape(shape) + number
        if tensor.datatype == "BYTES":
            values = np.array([f"é{value}".encode() for value in values.ravel()], dtype=object)
            values = values.reshape(shape)
        else:
            values = values.astype(triton_to_np_dtype(tensor.datatype))
        one = InferInput(tensor.name, shape, tensor.datatype)
        one.set_data_from_numpy(values)
        inputs.append(one)
        sent[tensor.name] = values
    outputs = [InferRequestedOutput(tensor.name) for tensor in metadata.outputs]
    result = client.infer(model, inputs, outputs=outputs, request_id="r1")
    return {
        name: bool(np.array_equal(result.as_numpy(name.replace("in_", "out_")), values))
        for name, values in sent.items()
    }


def refusal(client: InferenceServerClient) -> dict[str, str]:
    """Send a wrong shape."""
    wrong = InferInput("a", [2, 2], "FP32")
    wrong.set_data_from_numpy(np.zeros((2, 2), np.float32))
    try:
        client.infer("sum", [wrong])
    except InferenceServerException as error:
        return {"status": str(error.status()), "message": str(error.message())}
    return {}


def main() -> None:
    """Ask the server at the address that is the only argument."""
    assert len(sys.argv) == ARGUMENT_COUNT
    client = InferenceServerClient(sys.argv[1])
    metadata = client.get_server_metadata(as_json=True)
    a, b = (InferInput(name, [2, 3], "FP32") for name in ("a", "b"))
    a.set_data_from_numpy(np.full((2, 3), 1.5, np.float32))
    b.set_data_from_numpy(np.arange(6, dtype=np.float32).reshape(2, 3))
    summed = client.infer("sum", [a, b])
    seen = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("sum"),
        "unknown_ready": client.is_model_ready("unknown"),
        "server": metadata["name"],
        "sum_metadata": client.get_model_metadata("sum", as_json=True),
        "sum": summed.as_numpy("total").tolist(),
        "same": infer_blindly(client, "everything"),
        "refusal": refusal(client),
    }
    sys.stdout.write(json.dumps(seen))


main()
