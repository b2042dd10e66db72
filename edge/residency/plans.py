"""How the configured models are loaded, as the configuration says."""

from collections.abc import Mapping

from edge.config import EdgeConfig, ModelConfig, TensorModelConfig
from edge.engine.options import EngineOptions
from edge.residency.place import ModelPlan
from runtime.ids import ModelName

__all__ = ["plans_of"]


def plans_of(config: EdgeConfig) -> Mapping[ModelName, ModelPlan]:
    """Return how each model of the configuration is loaded, in its order."""
    plans = {model.name: _plan(model, config) for model in config.models}
    return plans | {model.name: _tensor_plan(model, config) for model in config.tensor_models}


def _plan(model: ModelConfig, config: EdgeConfig) -> ModelPlan:
    options = EngineOptions(
        context_tokens=model.context_tokens,
        threads=model.threads,
        slots=model.slots,
        cache_tokens=model.cache_tokens,
        is_deterministic=model.is_deterministic,
        draft=model.draft,
        adapter=model.adapter,
        queue_limit=config.max_queue,
    )
    return ModelPlan(
        file=model.file,
        options=options,
        sha256=model.sha256,
        keep_alive_s=model.keep_alive_s,
        is_loaded_at_start=model.is_loaded_at_start,
    )


def _tensor_plan(model: TensorModelConfig, config: EdgeConfig) -> ModelPlan:
    options = EngineOptions(threads=model.threads, queue_limit=config.max_queue, takes_tensors=True)
    return ModelPlan(file=model.file, options=options, sha256=model.sha256)
