"""From a text in LLVM's language to machine code in memory. Nothing here knows of packets.

LLVM comes with llvmlite, which is loaded when it is first needed: that takes longer than to filter a small file.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final

from cbpf.errors import CbpfError

ENGINE_VARIABLE: Final = "CBPF_ENGINE"
"""The environment variable that can rule LLVM out: `interpreter`."""

FEWEST_LINES_WITHOUT_PASSES: Final = 30_000  # of a text, whose optimization would take longer than it saves


class NoNativeCode(CbpfError):
    """There is no LLVM on this machine, or it is not to be used: ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"filtering without machine code: {reason}")


def available() -> None:
    """Return if machine code can be made. Raises NoNativeCode if not; it says why."""
    wanted = os.environ.get(ENGINE_VARIABLE, "")
    if wanted not in ("", "native", "interpreter"):
        raise NoNativeCode(f"{ENGINE_VARIABLE} is native or interpreter, not {wanted!r}")
    if wanted == "interpreter":
        raise NoNativeCode(f"{ENGINE_VARIABLE} asks for the interpreter")
    _binding()


class MachineCode:
    """Compiled functions. They are gone when this object is: whoever calls them must keep it.

    It is made in a third of the time if it is to be ``quick``, and runs a sixth longer then.
    """

    def __init__(self, text: str, *, quick: bool = False) -> None:
        binding, target, name, features = _binding()
        machine = target.create_target_machine(cpu=name, features=features, opt=1 if quick else 2, jit=True)
        module = binding.parse_assembly(text)
        if quick or text.count("\n") < FEWEST_LINES_WITHOUT_PASSES:
            passes = _quick_passes(binding) if quick else _passes(binding)
            passes.run(module, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options()))
        self._engine = binding.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where the function is."""
        return int(self._engine.get_function_address(name))


def _passes(binding: Any) -> Any:
    """The few passes that matter here: they take a quarter of the time of LLVM's usual ones."""
    passes = binding.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    return passes


def _quick_passes(binding: Any) -> Any:
    """The fewest that are worth it. Code that has been combined takes much longer to become machine code."""
    passes = binding.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    return passes


@cache
def _binding() -> tuple[Any, Any, str, str]:
    """llvmlite's module, what code is made for, and the name and the features of this processor."""
    try:
        from llvmlite import binding

        binding.initialize_native_target()  # which is when LLVM itself is loaded
        binding.initialize_native_asmprinter()
    except (ImportError, OSError) as error:
        raise NoNativeCode(f"llvmlite cannot be loaded ({error})") from None
    target = binding.Target.from_default_triple()
    return binding, target, binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
