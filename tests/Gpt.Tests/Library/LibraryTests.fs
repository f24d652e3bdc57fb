/// The tests of src/Gpt, in its reading order.
module Gpt.Tests.LibraryTests

open Expecto

let tests =
    testList "library" [
        RngTests.tests
        ConfigTests.tests
        TextTests.tests
        PreTokenizerTests.tests
        BpeTests.tests
        BpeTrainingTests.tests
        StreamDecoderTests.tests
        TokenizerFileTests.tests
        GrammarTests.tests
        DatasetsTests.tests
        ModelTests.tests
        OptimTests.tests
        TrainingTests.tests
        LoraTests.tests
        StepTests.tests
        WaitingTests.tests
        MemoryTests.tests
        AdapterTests.tests
        SafetensorsTests.tests
        PyTorchTests.tests
        ConfigJsonTests.tests
        ImportTests.tests
        PerplexityTests.tests
        CheckpointTests.tests
        ResumeTests.tests
        HubNameTests.tests
        HubTests.tests
        HubAloneTests.tests
        HubTroubleTests.tests
        WarperLaws.tests
        WarperPairs.tests
        WarperTests.tests
        NucleusTests.tests
        XtcTests.tests
        GuidanceTests.tests
        LogitsTests.tests
        PenaltyTests.tests
        BiasTests.tests
        MirostatTests.tests
        WarperArguments.tests
        PatternTests.tests
        ConstraintTests.tests
        SchemaTests.tests
        ChoiceTests.tests
        SamplingReferenceTests.tests
        GenerateTests.tests
        TextStreamTests.tests
        TextMetricsTests.tests
        StrategyTests.tests
        BatchTests.tests
        BlockTests.tests
        BeamTests.tests
        QuantizeTests.tests
        OneTokenTests.tests
        SpeculativeTests.tests
        TextGenerationTests.tests
        AttentionWeightsTests.tests
        PlotTests.tests
    ]
