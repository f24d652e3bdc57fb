using System.Reflection;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>What the facade promises: nobody's program is broken by accident, and nobody meets a tensor.</summary>
public sealed class SurfaceTests
{
    private const string Renewing = "GPT_RENEW_SURFACE";

    private static readonly Assembly facade = typeof(GptModel).Assembly;

    [Fact]
    public void The_public_surface_is_the_one_that_was_agreed()
    {
        var path = Path.Combine(Samples.Root, "tests", "Gpt.Api.Tests", "surface.txt");
        var found = Surface.Of(facade).ToList();
        if (Environment.GetEnvironmentVariable(Renewing) == "1")
            File.WriteAllLines(path, found);
        var agreed = File.ReadAllLines(path);

        var changes = found.Except(agreed).Select(line => "+ " + line).Concat(agreed.Except(found).Select(line => "- " + line)).ToList();

        Assert.True(changes.Count == 0 && found.SequenceEqual(agreed),
            $"The public surface is another than tests/Gpt.Api.Tests/surface.txt says. If that is meant, run this test with {Renewing}=1 "
            + $"in the environment and commit the file:\n{string.Join('\n', changes)}");
    }

    [Fact]
    public void No_type_of_another_floor_is_in_it()
    {
        string[] allowed =
        [
            "Gpt.Api", "System.Private.CoreLib", "System.Runtime", "System.Linq", "System.Collections", "System.ComponentModel",
            "Microsoft.Extensions.AI.Abstractions", "Microsoft.Extensions.DependencyInjection.Abstractions",
        ];
        var foreign =
            from type in facade.GetExportedTypes()
            from member in Surface.Members(type).Append(type)
            from seen in Types(member)
            let assembly = seen.Assembly.GetName().Name
            where !allowed.Contains(assembly)
            select $"{type.Name}.{member.Name}: {seen} of {assembly}";

        Assert.Empty(foreign);
    }

    /// <summary>The types that a caller of a member has to know.</summary>
    private static IEnumerable<Type> Types(MemberInfo member)
    {
        Type?[] named = member switch
        {
            Type type => [type.BaseType, .. type.GetInterfaces()],
            FieldInfo field => [field.FieldType],
            PropertyInfo property => [property.PropertyType],
            MethodInfo method => [method.ReturnType, .. method.GetParameters().Select(parameter => parameter.ParameterType)],
            ConstructorInfo constructor => [.. constructor.GetParameters().Select(parameter => parameter.ParameterType)],
            _ => [],
        };
        return named.OfType<Type>().SelectMany(Parts);
    }

    private static IEnumerable<Type> Parts(Type type) =>
        type.HasElementType ? Parts(type.GetElementType()!) : type.GetGenericArguments().SelectMany(Parts).Append(type);
}
