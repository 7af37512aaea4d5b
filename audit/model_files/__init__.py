"""The one way to open a model file that came from outside: nothing in it may run.

    archive            torch archives, read whole and written again, so that what is loaded is what was checked
    torchscript        TorchScript, after a look at what its code may do
    exported_program   ``.pt2`` files, reduced to what a network needs
    weight_files       tensors from safetensors or a torch checkpoint, and an architecture that they must fit
    tfjs_file          tensors from a manifest of TensorFlow.js and its files
    onnx_file          ONNX models, on the device that was asked for
    torch_device       exact arithmetic, and what decides the numbers
    failures           what a library's exception says, in one line

Generators and scorers use these; each module imports its library at its top, so import the one that you need.
"""
