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
        CheckpointTests.tests
        WarperLaws.tests
        WarperPairs.tests
        WarperTests.tests
        XtcTests.tests
        GuidanceTests.tests
        LogitsTests.tests
        PenaltyTests.tests
        BiasTests.tests
        MirostatTests.tests
        WarperArguments.tests
        ChoiceTests.tests
        SamplingReferenceTests.tests
        GenerateTests.tests
    ]
