/// The tests of src/Gpt, in its reading order.
module Gpt.Tests.LibraryTests

open Expecto

let tests =
    testList "library" [
        RngTests.tests
        ConfigTests.tests
        TextTests.tests
        GrammarTests.tests
        DatasetsTests.tests
        ModelTests.tests
        OptimTests.tests
        TrainingTests.tests
        SafetensorsTests.tests
        PyTorchTests.tests
        ConfigJsonTests.tests
        ImportTests.tests
        PerplexityTests.tests
        CheckpointTests.tests
        WarperTests.tests
        ChoiceTests.tests
        SamplingReferenceTests.tests
        GenerateTests.tests
        BatchTests.tests
        BeamTests.tests
        SpeculativeTests.tests
    ]
